//! `deploy`, `check`.

use crate::args::{self, Format};
use crate::fail::{Fail, INTERRUPTED, Outcome, REFUSED, USAGE};
use crate::print::{self, StatusLine};
use crate::session::Session;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use throng_core::cloud::Cloud;
use throng_core::cost::Guess;
use throng_core::definition::{self, Definition, DefinitionErrors, Document};
use throng_core::deploy::{self, Applied, DeployError, DeployOptions, DeployProgress, Plan};
use throng_core::image::{ImageError, LayerProgress, LayerState};
use throng_core::words::{self, Clean, Lines};
use throng_core::{clean, lines};

impl From<DeployError> for Fail {
    fn from(error: DeployError) -> Self {
        if error.is_cancelled() {
            return Self::new(INTERRUPTED, error.to_string());
        }
        match error.cloud() {
            Some(cloud) => {
                let Self { code, .. } = Self::from(cloud.clone());
                let advice = cloud.advice();
                let text = if advice.is_empty() { error.to_string() } else { format!("{error}\n{advice}") };
                Self::new(code, text)
            }
            None => Self::new(code_of(&error), error.to_string()),
        }
    }
}

/// What a person must mend in the definition is wrong usage; the rest was refused.
fn code_of(error: &DeployError) -> u8 {
    match error {
        DeployError::Definition(_) | DeployError::Image(ImageError::Spec(_) | ImageError::File { .. }) => {
            USAGE
        }
        _ => REFUSED,
    }
}

/// Reads a definition file; its warnings go to standard error.
pub fn load(path: &Path) -> Result<Document, Fail> {
    warned(definition::load(path))
}

fn warned(document: Result<Document, DefinitionErrors>) -> Result<Document, Fail> {
    let document = document.map_err(|errors| {
        for warning in &errors.warnings {
            print::note(lines!("warning: {warning}"));
        }
        Fail::usage(errors)
    })?;
    for warning in &document.warnings {
        print::note(lines!("warning: {warning}"));
    }
    Ok(document)
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
        format!("{text} is no definition, which is a file that ends with .yaml or .yml")
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

pub async fn deploy(session: &Session, args: args::Deploy) -> Outcome {
    let settings = args.settings.settings()?;
    let document = warned(definition::with_settings(args.file.or(args.conf_file).as_deref(), &settings))?;
    let cloud = if args.dry_run { session.cloud().await? } else { session.cloud_for_changes().await? };
    if !cloud.is_local()
        && let Some(problem) = document.elsewhere(&cloud.context().name, cloud.region()).first()
    {
        return Err(Fail::usage(problem));
    }
    let mut results = Vec::new();
    for definition in &document.definitions {
        let plan = plan(session, &cloud, definition).await?;
        let steps: Vec<_> = plan
            .steps
            .iter()
            .map(|step| json!({"action": step.action.to_string(), "what": step.what, "detail": step.detail}))
            .collect();
        if session.format == Format::Table {
            print::out(lines!("function {}\n{plan}", Clean::new(&plan.function)));
        }
        let mut result = json!({"function": plan.function, "image": plan.image, "new": plan.new, "steps": steps,
            "cost": plan.cost.as_ref().map(cost), "warnings": plan.warnings, "applied": false});
        if !args.dry_run {
            let applied = apply(session, &cloud, &plan).await?;
            result["applied"] = json!(true);
            result["arn"] = json!(applied.arn);
            if session.format == Format::Table {
                print::out(if applied.done.is_empty() {
                    "Nothing had to be changed.\n"
                } else {
                    "Deployed.\n"
                });
            }
        }
        results.push(result);
    }
    if session.format == Format::Json {
        print::result(session.format, &results, String::new);
    }
    Ok(())
}

fn cost(guess: &Guess) -> serde_json::Value {
    let at: Vec<_> =
        guess.at.iter().map(|(each, dollars)| json!({"seconds": each.as_secs(), "usd": dollars})).collect();
    json!({"invocations": guess.invocations, "at": at, "prices": {"region": guess.region, "date": guess.date}})
}

/// Makes the image and says what would be done.
pub async fn plan(session: &Session, cloud: &Cloud, definition: &Definition) -> Result<Plan, Fail> {
    let options = DeployOptions::new(&session.dirs, session.programs.runtime);
    let mut line = StatusLine::new();
    line.show(clean!("reading the image of {}", definition.name));
    Ok(deploy::plan(cloud, definition, &options, &session.interrupt).await?)
}

/// Does what a plan says, with a status line, and a line for each layer that is there.
pub async fn apply(session: &Session, cloud: &Cloud, plan: &Plan) -> Result<Applied, Fail> {
    let shown = Mutex::new((StatusLine::new(), HashSet::new()));
    let show = |progress: DeployProgress| {
        let DeployProgress { label, step, steps, bytes, bytes_total, layers } = progress;
        let sent = match bytes_total {
            0 => String::new(),
            total => format!(" {} of {}", words::bytes(bytes), words::bytes(total)),
        };
        let done: Vec<_> = layers.iter().filter_map(layer).collect();
        let there = match (done.len(), layers.len()) {
            (_, 0) => String::new(),
            (done, all) => format!(", {done} of {all} layers there"),
        };
        let Ok(mut shown) = shown.lock() else { return };
        let (status, told) = &mut *shown;
        for line in done.into_iter().filter(|_| print::notes_are_seen()) {
            if told.insert(line.clone()) {
                status.clear();
                print::note(line);
            }
        }
        status.show(clean!("{} {step}/{steps} {label}{sent}{there}", print::bar(step, steps, 20)));
    };
    Ok(deploy::apply(cloud, plan, &show, &session.interrupt).await?)
}

/// A layer that is where it should be, in words.
fn layer(layer: &LayerProgress) -> Option<String> {
    let how = match layer.state {
        LayerState::Waiting | LayerState::Moving => return None,
        LayerState::There => "was there",
        LayerState::Sent => "sent",
    };
    let digest = layer.digest.get(..19).unwrap_or(&layer.digest);
    Some(format!("  layer {digest} {}: {how}", words::bytes(layer.size)))
}

pub fn check(session: &Session, args: &args::Check) -> Outcome {
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
    print::result(session.format, &json!({"functions": shown, "warnings": warnings}), || {
        let mut text = Lines::default();
        for explanation in &explanations {
            text.push(&lines!("{explanation}").ended());
        }
        text
    });
    Ok(())
}
