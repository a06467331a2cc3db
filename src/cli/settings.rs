//! Options that make or change a definition.

use super::fail::Fail;
use clap::Args;
use std::path::Path;
use throng_core::definition::{DefinitionSettings, Setting};

/// A function without a file, or settings over the file's.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "A function without a file, or settings over the file's")]
pub struct SettingArgs {
    /// Name of the function
    #[arg(long)]
    pub name: Option<String>,
    /// Image, in every spelling of `container.image`
    #[arg(long, conflicts_with = "image_file")]
    pub image: Option<String>,
    /// A tar made by `docker save`, in place of --image
    #[arg(long, value_name = "FILE")]
    pub image_file: Option<String>,
    /// What runs for each input; without it the image's own entry point
    #[arg(long, value_name = "FILE")]
    pub init_script: Option<String>,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Where scripts start: a folder of the image, or `task` for a fresh one for each task
    #[arg(long, value_name = "FOLDER")]
    pub workdir: Option<String>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    pub memory: Option<String>,
    /// Time limit in seconds
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<String>,
    /// Seconds kept back for storing outputs
    #[arg(long, value_name = "SECONDS")]
    pub timeout_threshold: Option<String>,
    /// A variable for the script; `${NAME}` is taken from the environment and kept out of the image. Repeat for more
    #[arg(long, value_name = "NAME=VALUE")]
    pub environment: Vec<String>,
    /// A variable of the Lambda function. Repeat for more
    #[arg(long, value_name = "NAME=VALUE")]
    pub lambda_environment: Vec<String>,
    /// A variable for the script that is kept in an encrypted object; its value is that of the environment variable NAME. Repeat
    /// for more
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    /// New objects there start the function: `bucket[/folder]`
    #[arg(long, value_name = "PLACE")]
    pub input_bucket: Option<String>,
    /// Where outputs go: `bucket[/folder]`
    #[arg(long, value_name = "PLACE")]
    pub output_bucket: Option<String>,
    /// ARN of the role that the function runs as
    #[arg(long, value_name = "ARN")]
    pub iam_role: Option<String>,
    /// As SCAR has it; says nothing here
    #[arg(long, hide = true)]
    pub log_level: Option<String>,
    /// As SCAR has it: `lambda`
    #[arg(long, hide = true)]
    pub execution_mode: Option<String>,
}

impl SettingArgs {
    /// As the engine takes them. Paths start at the current folder.
    pub fn settings(self) -> Result<DefinitionSettings, Fail> {
        let here = |path: String| {
            std::path::absolute(Path::new(&path)).map_or(path, |path| path.display().to_string())
        };
        let values = [
            ("name", "--name", self.name),
            ("container.image", "--image", self.image),
            ("container.image_file", "--image-file", self.image_file.map(here)),
            ("init_script", "--init-script", self.init_script.map(here)),
            ("description", "--description", self.description),
            ("workdir", "--workdir", self.workdir),
            ("memory", "--memory", self.memory),
            ("timeout", "--timeout", self.timeout),
            ("container.timeout_threshold", "--timeout-threshold", self.timeout_threshold),
            ("log_level", "--log-level", self.log_level),
            ("execution_mode", "--execution-mode", self.execution_mode),
        ];
        let maps = [
            ("container.environment.Variables", "--environment", self.environment),
            ("environment.Variables", "--lambda-environment", self.lambda_environment),
        ];
        let places = [
            ("input", "--input-bucket", self.input_bucket),
            ("output", "--output-bucket", self.output_bucket),
        ];
        let given =
            |(key, option, value): (_, _, Option<String>)| Some(Setting { key, option, value: value? });
        let mut settings = DefinitionSettings {
            values: values.into_iter().filter_map(given).collect(),
            places: places.into_iter().filter_map(given).collect(),
            role: given(("role", "--iam-role", self.iam_role)),
            maps: Vec::new(),
        };
        for (key, option, texts) in maps {
            let value = texts.iter().map(|text| pair(option, text)).collect::<Result<Vec<_>, _>>()?;
            if !value.is_empty() {
                settings.maps.push(Setting { key, option, value });
            }
        }
        if !self.secret.is_empty() {
            let own = |name: String| (name.clone(), format!("${{{name}}}"));
            let value = self.secret.into_iter().map(own).collect();
            settings.maps.push(Setting { key: "secrets", option: "--secret", value });
        }
        Ok(settings)
    }
}

/// `NAME=VALUE`, split at the first `=`.
pub(crate) fn pair(option: &str, text: &str) -> Result<(String, String), Fail> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| Fail::usage(format!("{option} {text}: NAME=VALUE expected")))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_keep_what_follows_the_first_equals_sign() {
        assert_eq!(pair("-e", "A=b=c").unwrap(), ("A".into(), "b=c".into()));
        assert_eq!(pair("-e", "A=").unwrap(), ("A".into(), String::new()));
        assert!(pair("-e", "A").unwrap_err().message.contains("NAME=VALUE"));
    }

    #[test]
    fn a_secret_is_the_variable_of_its_name() {
        let args = SettingArgs { secret: vec!["TOKEN".into()], ..SettingArgs::default() };
        let settings = args.settings().unwrap();
        assert_eq!(settings.maps[0].value, [("TOKEN".to_owned(), "${TOKEN}".to_owned())]);
    }

    #[test]
    fn values_that_say_nothing_are_values() {
        let args = SettingArgs { timeout_threshold: Some("0".into()), ..SettingArgs::default() };
        let settings = args.settings().unwrap();
        assert_eq!(settings.values[0].key, "container.timeout_threshold");
        assert_eq!(settings.values[0].value, "0");
        assert!(SettingArgs::default().settings().unwrap().is_empty());
    }
}
