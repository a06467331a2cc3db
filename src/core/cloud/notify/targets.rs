//! Targets that S3 does not accept: it asks all of a bucket's, also those of somebody else that are gone.

use crate::cloud::error::CloudError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::fmt::Write as _;

const REFUSED: &str = "Unable to validate the following destination configurations";

/// A target and why it was not accepted.
pub(super) type Refused = (String, String);

/// What an error answer says of targets: `ArgumentName` is the target's ARN (and a word more), `ArgumentValue` why; both with a
/// number where there are several.
pub(super) fn refused(answer: &HttpResponse) -> Vec<Refused> {
    let body = answer.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    pairs(body)
}

fn pairs(body: &str) -> Vec<Refused> {
    let mut reader = Reader::from_str(body);
    let (mut element, mut name, mut found) = (Vec::new(), None, Vec::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => element = start.local_name().as_ref().to_vec(),
            Ok(Event::End(_)) => element.clear(),
            Ok(Event::Text(text)) => {
                let Ok(text) = text.decode() else { continue };
                if element.starts_with(b"ArgumentName") {
                    name = Some(text.split(',').next().unwrap_or_default().trim().to_owned());
                } else if element.starts_with(b"ArgumentValue")
                    && let Some(name) = name.take()
                {
                    found.push((name, text.trim().to_owned()));
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// The error with the targets in its message.
pub(super) fn named(mut error: CloudError, refused: &[Refused]) -> CloudError {
    let told: &[Refused] = if error.message.contains(REFUSED) { refused } else { &[] };
    for (index, (target, why)) in told.iter().enumerate() {
        let _ = write!(error.message, "{} {target} ({why})", if index == 0 { ":" } else { "," });
    }
    error
}

/// Whether S3 did not accept a target: `Some(true)` when only `own` may be meant, which may be too new; `Some(false)` when the
/// target of somebody else is.
pub(crate) fn is_refused(error: &CloudError, own: &str) -> Option<bool> {
    let (_, named) = error.message.split_once(REFUSED)?;
    let mut targets = named.split_whitespace().filter(|word| word.starts_with("arn:"));
    Some(targets.all(|target| target.trim_end_matches(',') == own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::error::ErrorKind;

    const OURS: &str = "arn:aws:lambda:us-east-1:000000000000:function:ours";
    const GONE: &str = "arn:aws:lambda:us-east-1:000000000000:function:gone";

    fn error() -> CloudError {
        CloudError::new(ErrorKind::Invalid, "s3:PutBucketNotification", "b", REFUSED)
    }

    #[test]
    fn the_target_that_is_gone_is_named() {
        for (a, b) in [("ArgumentName", "ArgumentValue"), ("ArgumentName1", "ArgumentValue1")] {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidArgument</Code><Message>{REFUSED}</Message>\
                 <{a}>{GONE}, null</{a}><{b}>The destination Lambda function does not exist</{b}><RequestId>R</RequestId></Error>"
            );
            let told = named(error(), &pairs(&body));
            let why = format!("{REFUSED}: {GONE} (The destination Lambda function does not exist)");
            assert_eq!(told.message, why);
            assert_eq!(is_refused(&told, OURS), Some(false), "waiting does not help");
            assert_eq!(is_refused(&told, GONE), Some(true));
        }
    }

    #[test]
    fn without_a_name_it_may_be_ours() {
        assert_eq!(is_refused(&named(error(), &pairs("<Error/>")), OURS), Some(true));
        assert!(pairs("no XML <at all").is_empty());
        let other =
            CloudError::new(ErrorKind::Invalid, "s3:PutBucketNotification", "b", "Configurations overlap");
        assert_eq!(is_refused(&other, OURS), None);
    }
}
