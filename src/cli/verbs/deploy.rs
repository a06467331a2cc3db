//! `deploy`, `check`.

use crate::args::{self, Format};
use crate::fail::{CliResult, Fail};
use crate::print;
use crate::session::Session;
use crate::transfer::watched;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use throng_core::cost::Guess;
use throng_core::dataset;
use throng_core::definition::{self, DefinitionErrors, Document};
use throng_core::deploy::{Applied, Plan};
use throng_core::jobs::{self, Definitions, Job, JobContext, JobEvent};
use throng_core::lines;
use throng_core::run;
use throng_core::words::{Clean, Lines};

/// Reads a definition file; its warnings go to standard error.
pub fn load(path: &Path) -> Result<Document, Fail> {
    warned(definition::load(path))
}

fn warned(document: Result<Document, DefinitionErrors>) -> Result<Document, Fail> {
    warned_or(document, |errors| Fail::usage(errors))
}

fn warned_or(
    document: Result<Document, DefinitionErrors>,
    fail: impl FnOnce(&DefinitionErrors) -> Fail,
) -> Result<Document, Fail> {
    let told = match &document {
        Ok(document) => &document.warnings,
        Err(errors) => &errors.warnings,
    };
    for warning in told {
        print::note(lines!("warning: {warning}"));
    }
    document.map_err(|errors| fail(&errors))
}

/// Reads a definition file that is deployed before it is run, and which of its functions that is: the only one, or the first of
/// the only chain.
pub fn runnable(text: &str) -> Result<(Document, usize), Fail> {
    let path = Path::new(text);
    let document = warned_or(definition::load(path), |errors| not_deployable(errors, path))?;
    let heads = document.heads();
    if let [only] = heads[..] {
        return Ok((document, only));
    }
    let names: Vec<_> = heads.iter().map(|at| document.definitions[*at].name.as_str()).collect();
    let names = names.join(", ");
    Err(Fail::usage(format!(
        "{text} has several functions to begin with ({names}): deploy it, then name one"
    )))
}

/// A file is deployed first, which needs its secrets; what is deployed does not.
fn not_deployable(errors: &DefinitionErrors, file: &Path) -> Fail {
    let names = errors.misses_variables().then(|| definition::names(file).ok()).flatten();
    let Some(names) = names else { return Fail::usage(errors) };
    let name = names.first().map_or("NAME", String::as_str);
    Fail::usage(format!(
        "{errors}\nA definition file is deployed first; `throng run {name} …` runs what is deployed already, without them."
    ))
}

/// Whether an argument is a definition file and no function's name, which has no dot.
pub fn is_definition(text: &str) -> bool {
    let path = Path::new(text);
    path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file()
}

/// The functions that an argument names: itself, or those of a definition file.
pub fn names(text: &str) -> Result<Vec<String>, Fail> {
    if is_definition(text) {
        return names_in(Path::new(text));
    }
    named(text)?;
    Ok(vec![text.to_owned()])
}

/// Refuses what cannot be the name of a function, nor of a definition file.
pub fn named(text: &str) -> Result<(), Fail> {
    let path = Path::new(text);
    let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let wrong = if text.starts_with("arn:") || !(yaml || text.contains(['/', '.'])) {
        return Ok(());
    } else if !path.exists() {
        format!("there is no file {text}")
    } else {
        format!("{text} is not a definition, which is a file that ends with .yaml or .yml")
    };
    Err(Fail::usage(format!("{wrong}; `throng functions` lists the functions of this context")))
}

/// The functions of a definition file. Its secrets are not needed for that.
pub fn names_in(path: &Path) -> Result<Vec<String>, Fail> {
    definition::names(path).map_err(Fail::usage)
}

/// The only function that an argument names.
pub fn only_name(text: &str) -> Result<String, Fail> {
    let mut names = names(text)?;
    match names.len() {
        1 => Ok(names.remove(0)),
        _ => Err(Fail::usage(format!("{text} has several functions; name one: {}", names.join(", ")))),
    }
}

pub async fn deploy(session: &Session, args: args::Deploy) -> CliResult {
    let settings = args.settings.settings()?;
    let document = warned(definition::with_settings(args.file.or(args.conf_file).as_deref(), &settings))?;
    let several = document.definitions.len() > 1;
    for chain in document.chains() {
        print::note(lines!("chain {chain}"));
    }
    let job = session.job(if args.dry_run { Job::Plan } else { Job::Deploy }).await?;
    let plans = plan(session, &job, &Definitions::File(document), session.format == Format::Table).await?;
    let mut results: Vec<_> = plans.iter().map(|plan| planned(plan)).collect();
    if !args.dry_run {
        let table = session.format == Format::Table;
        let applied = apply(session, &job, &plans, move |applied| {
            if table {
                print::out(done(applied, several));
            }
        });
        for (result, applied) in results.iter_mut().zip(applied.await?) {
            result["applied"] = json!(true);
            result["arn"] = json!(applied.arn);
        }
    }
    if session.format == Format::Json {
        print::result(session.format, &results, String::new);
    }
    Ok(())
}

/// What came of a function, in words; with its name when there are several.
fn done(applied: &Applied, several: bool) -> Lines {
    let what = if applied.done.is_empty() { "Nothing had to be changed" } else { "Deployed" };
    let which = if several { format!(": {}", Clean::new(&applied.function)) } else { String::new() };
    lines!("{what}{which}.\n")
}

/// A plan as `--output json` prints it.
pub fn planned(plan: &Plan) -> serde_json::Value {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|step| json!({"action": step.action.to_string(), "what": step.what, "detail": step.detail}))
        .collect();
    json!({"function": plan.function, "image": plan.image, "new": plan.new, "steps": steps,
        "cost": plan.cost.as_ref().map(cost), "warnings": plan.warnings, "applied": false})
}

fn cost(guess: &Guess) -> serde_json::Value {
    let at: Vec<_> =
        guess.at.iter().map(|(each, dollars)| json!({"seconds": each.as_secs(), "usd": dollars})).collect();
    json!({"invocations": guess.invocations, "at": at, "prices": {"region": guess.region, "date": guess.date}})
}

/// Makes the images and says what would be done: prints it when `shown`.
pub async fn plan(
    session: &Session,
    job: &JobContext,
    definitions: &Definitions,
    shown: bool,
) -> Result<Vec<Arc<Plan>>, Fail> {
    let show = move |event: &JobEvent| {
        if let JobEvent::Planned(plan) = event
            && shown
        {
            print::out(lines!("function {}\n{plan}", Clean::new(&plan.function)));
        }
    };
    watched(session, show, async |observer| jobs::plan(job, definitions, &observer).await).await
}

/// Does what plans say, with a status line; `told` hears of each function that is deployed.
pub async fn apply(
    session: &Session,
    job: &JobContext,
    plans: &[Arc<Plan>],
    told: impl Fn(&Applied) + Send + Sync + 'static,
) -> Result<Vec<Applied>, Fail> {
    let tell = move |event: &JobEvent| {
        if let JobEvent::Deployed(applied) = event {
            told(applied);
        }
    };
    watched(session, tell, async |observer| jobs::apply(job, plans, &observer).await).await
}

pub fn check(session: &Session, args: &args::Check) -> CliResult {
    let document = warned(definition::look(&args.file))?;
    let mut warnings: Vec<_> = document.warnings.iter().map(ToString::to_string).collect();
    let context = session.context()?;
    if let Some(region) = context.region.as_deref().filter(|_| !context.is_local()) {
        let elsewhere = document.elsewhere(&context.name, region);
        for problem in elsewhere {
            print::note(lines!("warning: {problem}"));
            warnings.push(problem.to_string());
        }
    }
    let mut grouped = Vec::new();
    if !args.inputs.is_empty() {
        let inputs = dataset::scan(&args.inputs, &mut |_| true).map_err(Fail::usage)?;
        let equal = inputs.equal_names().map(|equal| equal.to_string());
        for problem in equal.iter().flat_map(|message| document.not_kept_apart(message)) {
            print::note(lines!("warning: {problem}"));
            warnings.push(problem.to_string());
        }
        for definition in &document.definitions {
            match run::groups_of_files(definition, &args.inputs, &inputs) {
                Some(Ok(told)) => {
                    grouped.extend(told.into_iter().map(|told| (definition.name.clone(), told)));
                }
                Some(Err(why)) => {
                    print::note(lines!("warning: {}: {why}", definition.name));
                    warnings.push(format!("{}: {why}", definition.name));
                }
                None => {}
            }
        }
    }
    let explanations = definition::explain_all(&document);
    let shown: Vec<_> = explanations
        .iter()
        .map(|explanation| {
            let sections: Vec<_> = explanation
                .sections
                .iter()
                .map(|section| json!({"title": section.title, "lines": section.lines}))
                .collect();
            let notes: Vec<_> = explanation
                .origin
                .notes
                .iter()
                .map(|note| json!({"line": note.at.line, "was": note.was, "became": note.became}))
                .collect();
            let origin = json!({"dialect": explanation.origin.dialect.to_string(), "notes": notes});
            json!({"function": explanation.function, "origin": origin, "sections": sections})
        })
        .collect();
    let chains = document.chains();
    let mut shown = json!({"functions": shown, "warnings": warnings});
    if !chains.is_empty() {
        shown["chains"] = json!(chains);
    }
    if !grouped.is_empty() {
        let told = grouped.iter().map(|(function, told)| json!({"function": function, "told": told}));
        shown["groups"] = told.collect();
    }
    print::result(session.format, &shown, || {
        let mut text = Lines::default();
        for explanation in &explanations {
            text.push(&lines!("{explanation}").ended());
        }
        for chain in &chains {
            text.push(&lines!("chain {chain}\n"));
        }
        for (function, told) in &grouped {
            text.push(&lines!("{function}: {told}\n"));
        }
        text
    });
    Ok(())
}
