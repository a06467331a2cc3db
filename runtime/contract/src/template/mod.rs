//! Paths with words in braces: `results/{run}/{dir}`. Parsed once, expanded for each task.
//!
//! | word | stands for |
//! |---|---|
//! | `{run}` | the run's id; of what arrived outside any launch, that of the function's day |
//! | `{stage}` | which function of a chain, from 0 |
//! | `{task}` | the task's id within the stage |
//! | `{attempt}` | the attempt: another at every try |
//! | `{request_id}` | the invocation's id |
//! | `{dir}` | the input's folder below the input place: no part, one or several |
//! | `{group}` | of a join with groups: the group's name, one folder or several |
//! | `{name}`, `{stem}`, `{ext}` | the input's name, without its ending, and the ending alone |
//! | `{ANYTHING_ELSE}` in capitals | a variable of the task |
//!
//! Values keep letters, digits, `-`, `_` and `.`; every other byte becomes `%` and two digits, so that two values never become one.
//!
//! ```text
//! values   what the words stand for, as it stands in paths
//! ```

mod values;

use std::fmt;

use values::part;
pub use values::{Values, stem_and_ext};

/// What stands in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The run's id.
    Run,
    /// The stage, from 0.
    Stage,
    /// The task's id within the stage.
    Task,
    /// The attempt.
    Attempt,
    /// The invocation's id.
    RequestId,
    /// The input's folder below the input place.
    Dir,
    /// The input's name.
    Name,
    /// The input's name without its ending.
    Stem,
    /// The ending of the input's name, without the dot.
    Ext,
    /// The group that a join starts for.
    Group,
    /// A variable of the task.
    Variable(String),
}

/// The words that are no variables, as they are written.
const WORDS: [(&str, Word); 10] = [
    ("run", Word::Run),
    ("task", Word::Task),
    ("attempt", Word::Attempt),
    ("dir", Word::Dir),
    ("name", Word::Name),
    ("stem", Word::Stem),
    ("ext", Word::Ext),
    ("stage", Word::Stage),
    ("request_id", Word::RequestId),
    ("group", Word::Group),
];

impl Word {
    fn parse(text: &str) -> Option<Self> {
        if let Some((_, word)) = WORDS.iter().find(|(name, _)| *name == text) {
            return Some(word.clone());
        }
        let begins = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
        let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        (begins && text.chars().all(good)).then(|| Self::Variable(text.to_owned()))
    }

    /// Whether two tasks of a run whose inputs have one name never have it in common.
    const fn is_apart(&self) -> bool {
        matches!(self, Self::Task | Self::Attempt | Self::RequestId | Self::Dir | Self::Group)
    }

    /// Whether all tasks of a stage of a run have it in common.
    const fn is_shared(&self) -> bool {
        matches!(self, Self::Run | Self::Stage)
    }

    /// Whether it can be several folders, or none.
    const fn is_folders(&self) -> bool {
        matches!(self, Self::Dir | Self::Group)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = WORDS.iter().find(|(_, word)| word == self).map(|(name, _)| *name);
        match (self, name) {
            (Self::Variable(name), _) => write!(f, "{{{name}}}"),
            (_, name) => write!(f, "{{{}}}", name.unwrap_or_default()),
        }
    }
}

/// Why a path is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Where in the path, in bytes.
    pub at: usize,
    /// What stands there.
    pub what: String,
    /// A sentence without a subject: what is wrong with it and what is allowed.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.what, self.message)
    }
}

impl std::error::Error for TemplateError {}

/// A piece of a part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Word(Word),
}

impl Piece {
    const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    const fn is_shared(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Word(word) => word.is_shared(),
        }
    }
}

/// A path with words in braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Vec<Piece>>,
}

impl Template {
    /// Reads a path. Variables are taken whatever their names: whoever knows which there are looks at
    /// [`Template::variables`].
    ///
    /// # Errors
    /// An unknown word, a brace that is none's, or `{dir}` or `{group}` beside something else within a part.
    pub fn parse(path: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut at = 0;
        for text in path.split('/') {
            let pieces = pieces(text).map_err(|error| TemplateError { at: at + error.at, ..error })?;
            let folders = pieces.iter().find_map(|piece| match piece {
                Piece::Word(word) if word.is_folders() => Some(word.to_string()),
                _ => None,
            });
            if let Some(what) = folders.filter(|_| pieces.len() > 1) {
                let message = "must stand between slashes, alone: it can be several folders, or none";
                return Err(TemplateError {
                    at: at + text.find(&what).unwrap_or(0),
                    what,
                    message: message.into(),
                });
            }
            if !pieces.is_empty() {
                parts.push(pieces);
            }
            at += text.len() + 1;
        }
        Ok(Self { parts })
    }

    /// A path that stands for itself, braces and all: what an older throng deployed was taken so.
    #[must_use]
    pub fn literal(path: &str) -> Self {
        let parts = path.split('/').filter(|part| !part.is_empty());
        Self { parts: parts.map(|part| vec![Piece::Text(part.to_owned())]).collect() }
    }

    /// Its words, in order.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.parts.iter().flatten().filter_map(|piece| match piece {
            Piece::Word(word) => Some(word),
            Piece::Text(_) => None,
        })
    }

    /// Whether it has a word.
    #[must_use]
    pub fn has(&self, word: &Word) -> bool {
        self.words().any(|other| other == word)
    }

    /// The names of the variables that it needs.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.words().filter_map(|word| match word {
            Word::Variable(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether two tasks of a run never expand it to the same path, though their inputs have one name (in different folders).
    #[must_use]
    pub fn keeps_apart(&self) -> bool {
        self.words().any(Word::is_apart)
    }

    /// The folder that everything it expands to is in, without slashes at either end.
    #[must_use]
    pub fn fixed(&self) -> String {
        let fixed = self.parts.iter().take_while(|pieces| pieces.iter().all(Piece::is_text));
        fixed.map(|pieces| text_of(pieces)).collect::<Vec<_>>().join("/")
    }

    /// What every path that it expands to begins with, and whether that is the whole path. Where a folder ends there, so
    /// does the text, with a slash.
    #[must_use]
    pub fn beginning(&self) -> (String, bool) {
        let mut begin = self.fixed();
        let count = self.parts.iter().take_while(|pieces| pieces.iter().all(Piece::is_text)).count();
        let Some(next) = self.parts.get(count) else { return (begin, true) };
        if !begin.is_empty() {
            begin.push('/');
        }
        let text: Vec<Piece> = next.iter().take_while(|piece| piece.is_text()).cloned().collect();
        begin.push_str(&text_of(&text));
        (begin, false)
    }

    /// As it is for inputs that lie directly in their place: `{dir}` vanishes.
    #[must_use]
    pub fn without_dir(&self) -> Self {
        let parts = self.parts.iter().filter(|pieces| !pieces.contains(&Piece::Word(Word::Dir)));
        Self { parts: parts.cloned().collect() }
    }

    /// The path for an input in a folder, with the values as they are; `None` when it has words that say nothing of an input.
    #[must_use]
    pub fn plain(&self, dir: &str, name: &str) -> Option<String> {
        let (stem, ext) = stem_and_ext(name);
        let value = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Word(Word::Dir) => Some(dir.to_owned()),
            Piece::Word(Word::Name) => Some(name.to_owned()),
            Piece::Word(Word::Stem) => Some(stem.to_owned()),
            Piece::Word(Word::Ext) => Some(ext.to_owned()),
            Piece::Word(_) => None,
        };
        let parts = self.parts.iter().map(|pieces| pieces.iter().map(value).collect::<Option<String>>());
        let parts: Option<Vec<String>> = parts.collect();
        Some(parts?.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }

    /// The path for one attempt.
    ///
    /// # Errors
    /// A sentence: a value that is empty or no name, or a variable that the task does not have.
    pub fn expand(&self, values: &Values<'_>) -> Result<String, String> {
        expand(&self.parts, values)
    }

    /// The folder that the outputs of all tasks of this stage and run are in.
    ///
    /// # Errors
    /// As [`Template::expand`].
    pub fn shared(&self, values: &Values<'_>) -> Result<String, String> {
        let count = self.parts.iter().take_while(|pieces| pieces.iter().all(Piece::is_shared)).count();
        expand(&self.parts[..count], values)
    }
}

fn expand(parts: &[Vec<Piece>], values: &Values<'_>) -> Result<String, String> {
    let mut out: Vec<String> = Vec::new();
    for pieces in parts {
        if let [Piece::Word(Word::Dir)] = &pieces[..] {
            if values.dir.is_empty() {
                continue;
            }
            for folder in values.dir.split('/') {
                let folder = part(folder);
                out.push(folder.map_err(|why| format!("a part of `{{dir}}` ({}) {why}", values.dir))?);
            }
            continue;
        }
        if let [Piece::Word(Word::Group)] = &pieces[..] {
            out.extend(values.group_folders()?);
            continue;
        }
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Word(word) => text.push_str(&values.encoded(word)?),
            }
        }
        out.push(text);
    }
    Ok(out.join("/"))
}

fn text_of(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Word(_) => String::new(),
    };
    pieces.iter().map(text).collect()
}

/// The pieces of one part of a path.
fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let wrong =
        |at, what: &str, message: &str| TemplateError { at, what: what.into(), message: message.into() };
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let Some(open) = rest.find(['{', '}']) else {
            pieces.push(Piece::Text(rest.to_owned()));
            break;
        };
        if open > 0 {
            pieces.push(Piece::Text(rest[..open].to_owned()));
            rest = &rest[open..];
            continue;
        }
        let Some(inside) = rest.strip_prefix('{') else {
            return Err(wrong(at, "}", "has no `{` before it: braces stand around words only"));
        };
        let Some(close) = inside.find(['{', '}']).filter(|close| inside[*close..].starts_with('}')) else {
            return Err(wrong(at, rest, "has no `}` that closes it: braces stand around one word"));
        };
        let word = &inside[..close];
        let Some(word) = Word::parse(word) else {
            let known: Vec<_> = WORDS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            let message = format!("is not known: {}", known.join(" "));
            return Err(wrong(at, &rest[..close + 2], &message));
        };
        pieces.push(Piece::Word(word));
        rest = &inside[close + 1..];
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
