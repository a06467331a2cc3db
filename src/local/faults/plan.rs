//! The document: TOML, read strictly, so that a wrong plan is not a plan without faults.

use super::kind::{ErrorReply, EventFault, Fault, RequestFault};
use super::operation::{Caller, EVENT, Pattern, TAIL_EVENT};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// A checked plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What chance is made of.
    pub seed: u64,
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
}

/// One rule of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is about.
    pub on: Pattern,
    /// Only requests of this caller.
    pub who: Option<Caller>,
    /// Only requests whose path (decoded), or events whose text, has this in it.
    pub path: Option<String>,
    /// As it was written, for the status.
    pub name: String,
    /// What it does.
    pub fault: Fault,
    /// To which of the matches.
    pub when: Frequency,
    /// So many matches are let through first.
    pub after: u64,
    /// At most so many times.
    pub count: u64,
}

/// To which of the matches a rule does what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frequency {
    /// To all.
    Always,
    /// To the first so many.
    First(u64),
    /// To each so many-th.
    Every(u64),
    /// To this share of them, chosen by the seed.
    Share(f64),
}

/// What is wrong with a plan, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct PlanError {
    /// `file:line`
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    rule: Vec<Spanned<RawRule>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    on: Spanned<String>,
    fault: Spanned<String>,
    who: Option<Spanned<String>>,
    path: Option<String>,
    first: Option<u64>,
    every: Option<Spanned<u64>>,
    share: Option<Spanned<f64>>,
    after: Option<u64>,
    count: Option<u64>,
    seconds: Option<i64>,
    bytes: Option<u64>,
    bytes_per_second: Option<Spanned<u64>>,
    ms: Option<u64>,
    until: Option<Spanned<String>>,
    times: Option<u64>,
    sampled: Option<bool>,
    status: Option<Spanned<u16>>,
    code: Option<String>,
    message: Option<String>,
    argument: Option<[String; 2]>,
}

/// Something wrong, and its place in the text.
type Wrong = (usize, String);

impl Plan {
    /// Reads a plan from a file.
    ///
    /// # Errors
    /// [`PlanError`] with the line.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| PlanError { place: place.clone(), what: error.to_string() })?;
        Self::parse(&text, &place)
    }

    /// Reads a plan; `name` is the file's, for errors.
    ///
    /// # Errors
    /// [`PlanError`] with the line.
    pub fn parse(text: &str, name: &str) -> Result<Self, PlanError> {
        let at = |offset: usize, what: String| {
            let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
            PlanError { place: format!("{name}:{line}"), what }
        };
        let document: Document = toml::from_str(text)
            .map_err(|error| at(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let rules = document.rule.iter().map(|rule| checked(rule).map_err(|(offset, what)| at(offset, what)));
        Ok(Self { seed: document.seed, rules: rules.collect::<Result<_, _>>()? })
    }
}

fn checked(rule: &Spanned<RawRule>) -> Result<Rule, Wrong> {
    let start = rule.span().start;
    let rule = rule.get_ref();
    let on = pattern(&rule.on)?;
    let who = rule.who.as_ref().map(caller).transpose()?;
    let fault = fault(rule, on.special())?;
    Ok(Rule {
        on,
        who,
        path: rule.path.clone(),
        name: rule.fault.get_ref().clone(),
        fault,
        when: when(rule, start)?,
        after: rule.after.unwrap_or(0),
        count: rule.count.unwrap_or(u64::MAX),
    })
}

fn pattern(text: &Spanned<String>) -> Result<Pattern, Wrong> {
    Pattern::parse(text.get_ref()).map_err(|what| (text.span().start, what))
}

fn caller(text: &Spanned<String>) -> Result<Caller, Wrong> {
    match text.get_ref().as_str() {
        "user" => Ok(Caller::User),
        "function" => Ok(Caller::Function),
        other => Err((text.span().start, format!("`who` is user or function, not `{other}`"))),
    }
}

fn when(rule: &RawRule, start: usize) -> Result<Frequency, Wrong> {
    match (rule.first, &rule.every, &rule.share) {
        (None, None, None) => Ok(Frequency::Always),
        (Some(first), None, None) => Ok(Frequency::First(first)),
        (None, Some(every), None) if *every.get_ref() > 0 => Ok(Frequency::Every(*every.get_ref())),
        (None, Some(every), None) => Err((every.span().start, "`every` is 1 or more".into())),
        (None, None, Some(share)) if (0.0..=1.0).contains(share.get_ref()) => {
            Ok(Frequency::Share(*share.get_ref()))
        }
        (None, None, Some(share)) => Err((share.span().start, "`share` is between 0 and 1".into())),
        _ => Err((start, "one of `first`, `every` and `share`, not several".into())),
    }
}

/// Parameters that a fault takes.
const PARAMETERS: &[(&str, &str)] = &[
    ("skew", "seconds"),
    ("reset-request", "bytes"),
    ("reset-response", "bytes"),
    ("truncate", "bytes"),
    ("slow", "bytes_per_second"),
    ("delay", "ms"),
    ("hold", "until"),
    ("hold", "times"),
    ("delayed", "ms"),
    ("shuffled", "ms"),
    ("lost", "sampled"),
    ("answer", "status"),
    ("answer", "code"),
    ("answer", "message"),
    ("answer", "argument"),
];

fn fault(rule: &RawRule, special: Option<&str>) -> Result<Fault, Wrong> {
    let at = rule.fault.span().start;
    let name = rule.fault.get_ref().as_str();
    let takes = |parameter: &str| PARAMETERS.contains(&(name, parameter));
    let given = [
        ("seconds", rule.seconds.is_some()),
        ("bytes", rule.bytes.is_some()),
        ("bytes_per_second", rule.bytes_per_second.is_some()),
        ("ms", rule.ms.is_some()),
        ("until", rule.until.is_some()),
        ("times", rule.times.is_some()),
        ("sampled", rule.sampled.is_some()),
        ("status", rule.status.is_some()),
        ("code", rule.code.is_some()),
        ("message", rule.message.is_some()),
        ("argument", rule.argument.is_some()),
    ];
    if let Some((extra, _)) = given.iter().find(|(parameter, is)| *is && !takes(parameter)) {
        return Err((at, format!("`{name}` takes no `{extra}`")));
    }
    let fault = match special {
        Some(EVENT) => event_fault(rule).map(Fault::Event),
        Some(TAIL_EVENT) if name == "lost" => Some(Fault::Tail { sampled: rule.sampled.unwrap_or(false) }),
        Some(_) => None,
        None => request_fault(rule)?.map(Fault::Request),
    };
    fault.ok_or_else(|| {
        let on = rule.on.get_ref();
        let there = match special {
            Some(EVENT) => "lost, duplicated, delayed (ms), shuffled (ms)",
            Some(_) => "lost (sampled)",
            None => {
                "throttled, error, unavailable, expired, skew (seconds), reset-request, reset-response, truncate (bytes), \
                 slow (bytes_per_second), delay (ms), hold (until, times), hang, hang-after, untagged, answer (status, code, \
                 message, argument)"
            }
        };
        (at, format!("`{on}` has no fault `{name}` with these parameters; it has {there}"))
    })
}

fn event_fault(rule: &RawRule) -> Option<EventFault> {
    let ms = rule.ms.map(Duration::from_millis);
    Some(match rule.fault.get_ref().as_str() {
        "lost" if rule.sampled.is_none() => EventFault::Lost,
        "duplicated" => EventFault::Duplicated,
        "delayed" => EventFault::Delayed(ms?),
        "shuffled" => EventFault::Shuffled(ms?),
        _ => return None,
    })
}

fn request_fault(rule: &RawRule) -> Result<Option<RequestFault>, Wrong> {
    let bytes = rule.bytes.unwrap_or(0);
    Ok(Some(match rule.fault.get_ref().as_str() {
        "throttled" => RequestFault::Throttled,
        "error" => RequestFault::Error,
        "unavailable" => RequestFault::Unavailable,
        "expired" => RequestFault::Expired,
        "skew" if rule.seconds.is_some() => RequestFault::Skew(rule.seconds.unwrap_or(0)),
        "reset-request" => RequestFault::ResetRequest(bytes),
        "reset-response" => RequestFault::ResetResponse(bytes),
        "truncate" => RequestFault::Truncate(bytes),
        "slow" => match &rule.bytes_per_second {
            Some(rate) if *rate.get_ref() > 0 => RequestFault::Slow(*rate.get_ref()),
            Some(rate) => return Err((rate.span().start, "`bytes_per_second` is 1 or more".into())),
            None => return Ok(None),
        },
        "delay" => match rule.ms {
            Some(ms) => RequestFault::Delay(Duration::from_millis(ms)),
            None => return Ok(None),
        },
        "hold" => match &rule.until {
            Some(until) => RequestFault::Hold(pattern(until)?, rule.times.unwrap_or(1)),
            None => return Ok(None),
        },
        "answer" => match error_reply(rule)? {
            Some(reply) => RequestFault::Answer(reply),
            None => return Ok(None),
        },
        "untagged" => RequestFault::Untagged,
        "hang" => RequestFault::Hang,
        "hang-after" => RequestFault::HangAfter,
        _ => return Ok(None),
    }))
}

/// What the service is to say; `None` when a part is missing.
fn error_reply(rule: &RawRule) -> Result<Option<ErrorReply>, Wrong> {
    let (Some(status), Some(code)) = (&rule.status, &rule.code) else { return Ok(None) };
    if !(400..600).contains(status.get_ref()) {
        return Err((status.span().start, "`status` is between 400 and 599".into()));
    }
    Ok(Some(ErrorReply {
        status: *status.get_ref(),
        code: code.clone(),
        words: rule.message.clone().unwrap_or_default(),
        argument: rule.argument.clone().map(|[name, value]| (name, value)),
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrong(text: &str) -> String {
        Plan::parse(text, "f.toml").unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let rule = |lines: &str| format!("seed = 1\n\n[[rule]]\non = \"s3:PutObject\"\n{lines}\n");
        for (lines, place, words) in [
            ("fault = \"eaten\"", "f.toml:5", "no fault `eaten`"),
            ("fault = \"slow\"", "f.toml:5", "bytes_per_second"),
            ("fault = \"error\"\nms = 3", "f.toml:5", "takes no `ms`"),
            ("fault = \"error\"\nshare = 1.5", "f.toml:6", "between 0 and 1"),
            ("fault = \"error\"\nevery = 0", "f.toml:6", "1 or more"),
            ("fault = \"error\"\nonce = true", "f.toml:6", "unknown field"),
            ("fault = \"error\"\nwho = \"me\"", "f.toml:6", "user or function"),
            ("fault = \"lost\"", "f.toml:5", "no fault `lost`"),
            ("fault = \"answer\"\nstatus = 409", "f.toml:5", "answer (status, code"),
            ("fault = \"answer\"\nstatus = 200\ncode = \"Fine\"", "f.toml:6", "between 400 and 599"),
            ("fault = \"error\"\nfirst = 1\nevery = 2", "f.toml:3", "not several"),
            ("fault = \"hold\"\nuntil = \"s3:Nothing\"", "f.toml:6", "no operation `Nothing`"),
        ] {
            let text = wrong(&rule(lines));
            assert!(text.starts_with(place) && text.contains(words), "{lines}: {text}");
        }
        assert!(wrong("seed = 1\nrule = 3\n").starts_with("f.toml:2"), "{}", wrong("seed = 1\nrule = 3\n"));
        assert!(wrong("[[rule]]\non = \"s3:Put\"\nfault = \"error\"").starts_with("f.toml:2"));
    }

    #[test]
    fn a_plan_says_what_when_and_to_whom() {
        let text = "seed = 9\n[[rule]]\non = \"s3:event\"\nfault = \"delayed\"\nms = 20\nafter = 1\ncount = 2\n\
                    [[rule]]\non = \"*\"\nwho = \"function\"\nfault = \"skew\"\nseconds = -3600\nshare = 0.5\n";
        let plan = Plan::parse(text, "f").unwrap();
        assert_eq!((plan.seed, plan.rules.len()), (9, 2));
        let first = &plan.rules[0];
        assert_eq!(first.fault, Fault::Event(EventFault::Delayed(Duration::from_millis(20))));
        assert_eq!((first.after, first.count, first.when), (1, 2, Frequency::Always));
        assert_eq!(plan.rules[1].fault, Fault::Request(RequestFault::Skew(-3600)));
        assert_eq!((plan.rules[1].who, plan.rules[1].when), (Some(Caller::Function), Frequency::Share(0.5)));
    }
}
