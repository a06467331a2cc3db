//! An object: text, JSON set out, an image, or bytes.

use super::pager::scroll_key;
use crate::app::{App, Job};
use crate::layer::{Layer, LayerOutcome};
use crate::paint;
use crate::paint::{Draw, Line, small};
use crate::theme::Depth;
use crate::views::logs::pretty;
use crate::widgets::popup;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use image::{DynamicImage, ImageReader, Limits};
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui_image::Resize;
use ratatui_image::picker::Picker;
use ratatui_image::protocol::Protocol;
use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};
use throng_core::clean;
use throng_core::engine::{Command, Preview};
use throng_core::model::ObjectPlace;
use throng_core::words::{self, Clean};

/// Largest side of an image in pixels, and memory for decoding it.
const LARGEST_SIDE: u32 = 20_000;
const LARGEST_IMAGE: u64 = 256 << 20;
/// Bytes of a text or dump that are shown.
const LARGEST_TEXT: usize = 4 << 20;

/// The object that is shown.
pub struct PreviewLayer {
    place: ObjectPlace,
    top: Cell<usize>,
    height: Cell<usize>,
    text: OnceLock<Vec<Clean>>,
    wrapped: RefCell<(usize, Vec<Clean>)>,
    decoded: OnceLock<Job<Result<Arc<DynamicImage>, String>>>,
    drawn: RefCell<Option<(Size, Drawing)>>,
}

/// A picture that is being made for a size.
type Drawing = Job<Result<Drawn, String>>;

enum Drawn {
    Cells(Box<Protocol>),
    Letters(Vec<Clean>),
}

impl PreviewLayer {
    /// Asks the engine for the object.
    #[must_use]
    pub fn open(place: ObjectPlace, app: &App) -> Self {
        app.send(Command::Preview(place.clone()));
        Self {
            place,
            top: Cell::new(0),
            height: Cell::new(1),
            text: OnceLock::new(),
            wrapped: RefCell::default(),
            decoded: OnceLock::new(),
            drawn: RefCell::default(),
        }
    }

    fn object<'a>(&self, app: &'a App) -> Option<&'a Preview> {
        app.snapshot.preview.as_ref().filter(|shown| shown.place == self.place)
    }

    fn draw_text(&self, frame: &mut Frame<'_>, area: Rect, body: &[u8]) {
        let lines = self.text.get_or_init(|| as_lines(body));
        let width = usize::from(area.width).max(1);
        let mut wrapped = self.wrapped.borrow_mut();
        if wrapped.0 != width {
            *wrapped = (width, lines.iter().flat_map(|line| words::wrap(line, width)).collect());
        }
        let height = usize::from(area.height);
        self.height.set(height);
        self.top.set(self.top.get().min(wrapped.1.len().saturating_sub(height)));
        for (row, line) in wrapped.1.iter().skip(self.top.get()).take(height).enumerate() {
            frame.buffer_mut().put(area.x, area.y + small(row), line, width, ratatui::style::Style::new());
        }
    }

    fn draw_image(&self, frame: &mut Frame<'_>, area: Rect, body: &Arc<[u8]>, app: &App) {
        let dim = app.look.theme.dim;
        let say = |frame: &mut Frame<'_>, text: Clean| {
            frame.buffer_mut().put(area.x, area.y, text, usize::from(area.width), dim);
        };
        let decoded = self.decoded.get_or_init(|| {
            let body = Arc::clone(body);
            app.job(move || decode(&body))
        });
        let image = match decoded.get() {
            None => return say(frame, "decoding …".into()),
            Some(Err(error)) => return say(frame, clean!("This image cannot be shown: {error}")),
            Some(Ok(image)) => Arc::clone(image),
        };
        let size = Size::new(area.width, area.height);
        let mut drawn = self.drawn.borrow_mut();
        if drawn.as_ref().is_none_or(|(known, _)| *known != size) {
            let letters = app.look.theme.depth == Depth::Mono || app.look.theme.symbols.ascii;
            let picker = app.images.picker.clone();
            *drawn = Some((size, app.job(move || make(&image, &picker, size, letters))));
        }
        match drawn.as_ref().and_then(|(_, job)| job.get()) {
            None => say(frame, "drawing …".into()),
            Some(Err(error)) => say(frame, clean!("This image cannot be shown: {error}")),
            Some(Ok(Drawn::Letters(lines))) => {
                for (row, line) in lines.iter().take(usize::from(area.height)).enumerate() {
                    frame.buffer_mut().put(
                        area.x,
                        area.y + small(row),
                        line,
                        usize::from(area.width),
                        ratatui::style::Style::new(),
                    );
                }
            }
            Some(Ok(Drawn::Cells(protocol))) => {
                let size = protocol.size();
                let place = Rect {
                    x: area.x + area.width.saturating_sub(size.width) / 2,
                    y: area.y + area.height.saturating_sub(size.height) / 2,
                    width: size.width.min(area.width),
                    height: size.height.min(area.height),
                };
                paint::picture(frame, place, protocol);
                if app.look.theme.depth != Depth::True {
                    crate::images::fewer_colors(frame.buffer_mut(), place, app.look.theme.depth);
                }
            }
        }
    }
}

fn is_image(body: &[u8]) -> bool {
    image::guess_format(body).is_ok_and(|format| format.reading_enabled())
}

fn decode(body: &[u8]) -> Result<Arc<DynamicImage>, String> {
    let mut reader = ImageReader::new(std::io::Cursor::new(body))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_IMAGE);
    reader.limits(limits);
    reader.decode().map(Arc::new).map_err(|error| error.to_string())
}

fn make(image: &DynamicImage, picker: &Picker, size: Size, letters: bool) -> Result<Drawn, String> {
    if letters {
        return Ok(Drawn::Letters(as_letters(image, size)));
    }
    picker
        .new_protocol(image.clone(), size, Resize::Scale(Some(image::imageops::FilterType::Triangle)))
        .map(|protocol| Drawn::Cells(Box::new(protocol)))
        .map_err(|error| error.to_string())
}

/// Light and dark as characters, for screens without colours. A cell is twice as high as wide.
fn as_letters(image: &DynamicImage, size: Size) -> Vec<Clean> {
    const RAMP: &[u8] = b" .:-=+*#%@";
    let small = image.resize(
        u32::from(size.width),
        u32::from(size.height) * 2,
        image::imageops::FilterType::Triangle,
    );
    let (width, height) = (small.width().max(1), (small.height() / 2).max(1));
    let gray = small.resize_exact(width, height, image::imageops::FilterType::Triangle).to_luma8();
    gray.rows()
        .map(|row| {
            let letter = |level: u8| char::from(RAMP[usize::from(level) * (RAMP.len() - 1) / 255]);
            row.map(|pixel| letter(pixel.0[0])).collect::<String>().into()
        })
        .collect()
}

/// A body as clean lines: JSON set out, text as it is, anything else as bytes.
fn as_lines(body: &[u8]) -> Vec<Clean> {
    let body = &body[..body.len().min(LARGEST_TEXT)];
    let valid = match std::str::from_utf8(body) {
        Ok(text) => Some(text),
        // The end may be in the middle of a character.
        Err(error) if error.valid_up_to() + 4 > body.len() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match valid.filter(|text| !text.contains('\0')) {
        Some(text) => Clean::lines(&pretty(text).unwrap_or_else(|| text.to_owned())),
        None => {
            body.chunks(16).take(65_536).enumerate().map(|(line, bytes)| dump(line * 16, bytes)).collect()
        }
    }
}

fn dump(offset: usize, bytes: &[u8]) -> Clean {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown: String =
        bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
    clean!("{offset:08x}  {:<47}  {shown}", hex.join(" "))
}

impl Layer for PreviewLayer {
    fn key(&mut self, key: KeyEvent, app: &mut App) -> LayerOutcome {
        if let Some(by) = scroll_key(key, self.height.get()) {
            self.scroll(by);
            return LayerOutcome::Keep;
        }
        match key.code {
            KeyCode::Char('w') => {
                let to = app.downloads.clone();
                app.begin(clean!("Fetching to {} …", to.display()));
                let ObjectPlace { from, bucket, key } = self.place.clone();
                app.send(Command::Download { from, bucket, keys: vec![key], to });
                LayerOutcome::Keep
            }
            KeyCode::Char('y') => {
                crate::actions::program::copy_text(app, &self.place.to_string());
                LayerOutcome::Keep
            }
            KeyCode::Esc | KeyCode::Char('q' | 'o') | KeyCode::Backspace | KeyCode::Enter => {
                LayerOutcome::Close
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => LayerOutcome::Close,
            _ => LayerOutcome::Keep,
        }
    }

    fn scroll(&mut self, by: isize) {
        self.top.set(self.top.get().saturating_add_signed(by).min(1 << 30));
    }

    fn closed(&mut self, app: &mut App) {
        app.send(Command::ClosePreview);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, app: &App) {
        let look = &app.look;
        paint::clear(frame, area);
        let title = Clean::new(&format!(" {} ", self.place.to_string().trim_start_matches("s3://")));
        let width = usize::from(area.width);
        frame.buffer_mut().put(area.x, area.y, words::clip_start(&title, width), width, look.theme.title);
        let body = Rect {
            x: area.x + 1,
            y: area.y + 2,
            width: area.width.saturating_sub(2),
            height: area.height.saturating_sub(4),
        };
        let bottom = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        popup::hints(
            frame,
            bottom,
            &[("esc", "close"), ("w", "download"), ("y", "copy address"), ("j k", "scroll")],
            look,
        );
        let say = |frame: &mut Frame<'_>, line: Line| {
            frame.buffer_mut().put_line(body.x, body.y, &line, body.width);
        };
        let Some(object) = self.object(app) else {
            return say(frame, Line::styled("fetching …", look.theme.dim));
        };
        if let Some(error) = &object.error {
            return say(frame, Line::styled(Clean::new(error), look.theme.bad));
        }
        let Some(bytes) = &object.body else {
            return say(
                frame,
                Line::styled(clean!("fetching {} …", words::bytes(object.size)), look.theme.dim),
            );
        };
        let part = if (bytes.len() as u64) < object.size {
            format!(", the first {} are here", words::bytes(bytes.len() as u64))
        } else {
            String::new()
        };
        let about = clean!("{}  {}{part}", words::bytes(object.size), object.content_type);
        frame.buffer_mut().put(area.x + 1, area.y + 1, about, width.saturating_sub(2), look.theme.dim);
        if body.is_empty() {
            return;
        }
        if bytes.is_empty() {
            say(frame, Line::styled("This object is empty.", look.theme.dim));
        } else if is_image(bytes) {
            self.draw_image(frame, body, bytes, app);
        } else {
            self.draw_text(frame, body, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_shown_by_what_they_are() {
        assert_eq!(as_lines(b"{\"a\":1}"), ["{", "  \"a\": 1", "}"]);
        assert_eq!(as_lines(b"one\n\x1b[31mtwo"), ["one", "two"]);
        assert_eq!(as_lines("zü".as_bytes().split_last().unwrap().1), ["z"]);
        assert_eq!(
            as_lines(&[0, 0x41, 0xff]),
            ["00000000  00 41 ff                                         .A."]
        );
    }

    #[test]
    fn bombs_are_refused() {
        // A PNG header that promises 65,535 × 65,535 pixels.
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0".to_vec();
        png.extend(crc32fast::hash(&png[12..]).to_be_bytes());
        assert!(is_image(&png));
        assert!(decode(&png).is_err());
    }
}
