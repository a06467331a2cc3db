//! The demo function's program: a medical image becomes a picture of its slices and a file of its statistics.
//!
//! It is a program like any other: it reads the file that `INPUT_FILE_PATH` names and writes into the folder that
//! `TMP_OUTPUT_DIR` names (both can be given as arguments instead). `<stem>.png` shows axial, coronal and sagittal
//! slices; `<stem>.json` holds size, intensity statistics and a histogram.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels, voxels and shades are small numbers"
)]

use nifti::{NiftiObject, NiftiVolume, RandomAccessNiftiVolume, ReaderOptions};
use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Slices of each orientation.
const COLUMNS: usize = 5;
/// Longest side of one slice in the picture.
const TILE: usize = 180;
/// Space between slices.
const GAP: usize = 6;
/// Bins of the histogram.
const BINS: usize = 32;
/// Most voxels that are read: 1 GiB as numbers.
const MOST_VOXELS: usize = 1 << 28;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut place =
        |variable: &str| arguments.next().or_else(|| std::env::var_os(variable)).map(PathBuf::from);
    let (Some(input), Some(output)) = (place("INPUT_FILE_PATH"), place("TMP_OUTPUT_DIR")) else {
        eprintln!("usage: slices IMAGE FOLDER (or set INPUT_FILE_PATH and TMP_OUTPUT_DIR)");
        return ExitCode::from(2);
    };
    match process(&input, &output) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", input.display());
            ExitCode::FAILURE
        }
    }
}

fn process(input: &Path, output: &Path) -> Result<String, Box<dyn Error>> {
    let image = Image::read(input)?;
    let statistics = Statistics::of(&image.voxels)?;
    let stem = stem(input);
    let picture = image.montage(statistics.window());
    picture.write(&output.join(format!("{stem}.png")))?;
    let text = serde_json::to_string_pretty(&json!({
        "file": input.file_name().map(|name| name.to_string_lossy()),
        "dimensions": image.size,
        "frames": image.frames,
        "voxel_size_mm": image.spacing,
        "voxels": image.voxels.len(),
        "nonzero_voxels": statistics.nonzero,
        "nonzero_volume_ml": statistics.nonzero as f64 * image.spacing.iter().product::<f64>() / 1000.0,
        "invalid_voxels": statistics.invalid,
        "minimum": statistics.sorted.first(),
        "maximum": statistics.sorted.last(),
        "mean": statistics.mean,
        "standard_deviation": statistics.deviation,
        "percentiles": {
            "1": statistics.percentile(1), "5": statistics.percentile(5), "25": statistics.percentile(25),
            "50": statistics.percentile(50), "75": statistics.percentile(75), "95": statistics.percentile(95),
            "99": statistics.percentile(99),
        },
        "histogram": statistics.histogram(),
    }))?;
    std::fs::write(output.join(format!("{stem}.json")), text + "\n")?;
    let [x, y, z] = image.size;
    Ok(format!("{stem}: {x} x {y} x {z} voxels, mean {:.1}", statistics.mean))
}

/// The file's name without what says its format.
fn stem(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "image".into(), |name| name.to_string_lossy());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.strip_suffix(".nii").unwrap_or(name).to_owned()
}

/// The library's own words for a file that breaks off say little.
fn reason(error: nifti::NiftiError) -> String {
    match error {
        nifti::NiftiError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file ends too early".into()
        }
        nifti::NiftiError::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The first frame of an image.
struct Image {
    size: [usize; 3],
    spacing: [f64; 3],
    frames: usize,
    voxels: Vec<f32>,
}

impl Image {
    fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let object = ReaderOptions::new()
            .read_file(path)
            .map_err(|error| format!("not a NIfTI image that can be read: {}", reason(error)))?;
        let dim = object.volume().dim().to_vec();
        let length = |axis: usize| dim.get(axis).map_or(1, |length| usize::from(*length));
        let size = [length(0), length(1), length(2)];
        let frames = dim.iter().skip(3).map(|length| usize::from(*length)).product();
        let count = size.iter().try_fold(1_usize, |count, length| count.checked_mul(*length)).unwrap_or(0);
        if count == 0 || count > MOST_VOXELS {
            return Err(format!(
                "an image of {} x {} x {} voxels cannot be shown",
                size[0], size[1], size[2]
            )
            .into());
        }
        let spacing = [1, 2, 3].map(|axis| match f64::from(object.header().pixdim[axis].abs()) {
            size if size.is_finite() && size > 0.0 => size,
            _ => 1.0,
        });
        let volume = object.volume();
        let mut voxels = Vec::with_capacity(count);
        let mut at: Vec<u16> = vec![0; dim.len()];
        for _ in 0..count {
            voxels.push(volume.get_f32(&at)?);
            for axis in 0..at.len().min(3) {
                at[axis] += 1;
                if at[axis] < dim[axis] {
                    break;
                }
                at[axis] = 0;
            }
        }
        Ok(Self { size, spacing, frames, voxels })
    }

    /// The smallest box around everything brighter than a tenth of the window, with a little space: many images are
    /// mostly air. First and one past the last voxel of each axis.
    fn content(&self, (low, high): (f32, f32)) -> [(usize, usize); 3] {
        let least = low + (high - low) * 0.1;
        let [width, height, _] = self.size;
        let mut found = [(usize::MAX, 0); 3];
        for (index, _) in self.voxels.iter().enumerate().filter(|(_, value)| **value > least) {
            let at = [index % width, index / width % height, index / width / height];
            for (axis, at) in at.into_iter().enumerate() {
                found[axis] = (found[axis].0.min(at), found[axis].1.max(at + 1));
            }
        }
        let mut axis = 0;
        found.map(|(first, end)| {
            let (size, margin) = (self.size[axis], 1 + self.size[axis] / 50);
            axis += 1;
            if first < end { (first.saturating_sub(margin), (end + margin).min(size)) } else { (0, size) }
        })
    }

    fn voxel(&self, [x, y, z]: [usize; 3]) -> f32 {
        let [width, height, _] = self.size;
        self.voxels[x + width * (y + height * z)]
    }

    /// Slices in the three orientations, one row each, seen as radiologists do: the head up, the nose up.
    fn montage(&self, window: (f32, f32)) -> Picture {
        // Across, down, and the axis that the slices are taken along.
        let rows: Vec<_> = [(0, 1, 2), (0, 2, 1), (1, 2, 0)]
            .into_iter()
            .filter(|(across, down, _)| self.size[*across] > 1 && self.size[*down] > 1)
            .collect();
        let rows = if rows.is_empty() { vec![(0, 1, 2)] } else { rows };
        let content = self.content(window);
        let voxels = |axis: usize| (content[axis].1 - content[axis].0) as f64;
        let first = |axis: usize| content[axis].0 as f64;
        let extent = |axis: usize| voxels(axis) * self.spacing[axis];
        let longest =
            rows.iter().flat_map(|(across, down, _)| [extent(*across), extent(*down)]).fold(1e-6, f64::max);
        let pixels = |axis: usize| ((extent(axis) / longest * TILE as f64).round() as usize).clamp(1, TILE);
        let width = rows.iter().map(|row| COLUMNS * (pixels(row.0) + GAP) + GAP).max().unwrap_or(1);
        let height = rows.iter().map(|row| pixels(row.1) + GAP).sum::<usize>() + GAP;
        let mut picture = Picture::new(width, height);
        let mut top = GAP;
        for (across, down, along) in rows {
            let (tile_width, tile_height) = (pixels(across), pixels(down));
            let left = (width - (COLUMNS * (tile_width + GAP) - GAP)) / 2;
            for column in 0..COLUMNS {
                // The outermost slices show little: the middle 70 % is taken.
                let part = 0.15 + 0.7 * (column as f64 + 0.5) / COLUMNS as f64;
                let slice = (first(along) + part * voxels(along)) as usize;
                for row in 0..tile_height {
                    for pixel in 0..tile_width {
                        let x = (pixel as f64 + 0.5) / tile_width as f64 * self.size[across] as f64 - 0.5;
                        let y =
                            (1.0 - (row as f64 + 0.5) / tile_height as f64) * self.size[down] as f64 - 0.5;
                        let value = self.between([(across, x), (down, y)], (along, slice));
                        picture.set(
                            left + column * (tile_width + GAP) + pixel,
                            top + row,
                            shade(value, window),
                        );
                    }
                }
            }
            top += tile_height + GAP;
        }
        picture
    }

    /// The value between four voxels of a slice.
    fn between(&self, [(across, x), (down, y)]: [(usize, f64); 2], (along, slice): (usize, usize)) -> f32 {
        let split = |axis: usize, at: f64| {
            let at = at.clamp(0.0, (self.size[axis] - 1) as f64);
            (at as usize, (at as usize + 1).min(self.size[axis] - 1), at.fract() as f32)
        };
        let ((x0, x1, fx), (y0, y1, fy)) = (split(across, x), split(down, y));
        let voxel = |x: usize, y: usize| {
            let mut at = [0; 3];
            (at[across], at[down], at[along]) = (x, y, slice.min(self.size[along] - 1));
            self.voxel(at)
        };
        let upper = voxel(x0, y0) * (1.0 - fx) + voxel(x1, y0) * fx;
        let lower = voxel(x0, y1) * (1.0 - fx) + voxel(x1, y1) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// Black to white within a window of intensities.
fn shade(value: f32, (low, high): (f32, f32)) -> u8 {
    if value.is_finite() { (((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0).round() as u8 } else { 0 }
}

struct Statistics {
    /// Every finite value, in order.
    sorted: Vec<f32>,
    nonzero: usize,
    invalid: usize,
    mean: f64,
    deviation: f64,
}

impl Statistics {
    fn of(voxels: &[f32]) -> Result<Self, Box<dyn Error>> {
        let mut sorted: Vec<f32> = voxels.iter().copied().filter(|value| value.is_finite()).collect();
        if sorted.is_empty() {
            return Err("no voxel of the image has a value".into());
        }
        sorted.sort_unstable_by(f32::total_cmp);
        let count = sorted.len() as f64;
        let mean = sorted.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = sorted.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        Ok(Self {
            nonzero: sorted.iter().filter(|value| **value != 0.0).count(),
            invalid: voxels.len() - sorted.len(),
            mean,
            deviation: variance.sqrt(),
            sorted,
        })
    }

    fn percentile(&self, percent: usize) -> f32 {
        self.sorted[(self.sorted.len() - 1) * percent / 100]
    }

    /// What is shown as black and as white: without the darkest and the brightest hundredth of what is there.
    fn window(&self) -> (f32, f32) {
        let (low, high) = (self.percentile(1), self.percentile(99));
        let (least, most) = (self.sorted[0], self.sorted[self.sorted.len() - 1]);
        if high > low {
            (low, high)
        } else if most > least {
            (least, most)
        } else {
            (least, least + 1.0)
        }
    }

    fn histogram(&self) -> serde_json::Value {
        let (low, high) = (f64::from(self.sorted[0]), f64::from(self.sorted[self.sorted.len() - 1]));
        let width = if high > low { (high - low) / BINS as f64 } else { 1.0 };
        let mut counts = [0_u64; BINS];
        for value in &self.sorted {
            counts[(((f64::from(*value) - low) / width) as usize).min(BINS - 1)] += 1;
        }
        json!({"first": low, "bin_width": width, "counts": counts})
    }
}

/// A picture in shades of grey.
struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    fn new(width: usize, height: usize) -> Self {
        Self { width, pixels: vec![12; width * height] }
    }

    fn set(&mut self, x: usize, y: usize, shade: u8) {
        if x < self.width
            && let Some(pixel) = self.pixels.get_mut(y * self.width + x)
        {
            *pixel = shade;
        }
    }

    fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.pixels.len() / self.width)?);
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_format_only() {
        assert_eq!(stem(Path::new("/in/a.b.nii.gz")), "a.b");
        assert_eq!(stem(Path::new("x.nii")), "x");
    }

    #[test]
    fn statistics_count_what_is_there() {
        let statistics = Statistics::of(&[0.0, 2.0, 4.0, f32::NAN]).unwrap();
        assert_eq!((statistics.nonzero, statistics.invalid), (2, 1));
        assert!((statistics.mean - 2.0).abs() < 1e-9);
        assert!(Statistics::of(&[f32::NAN]).is_err());
    }

    #[test]
    fn pictures_keep_the_proportions_of_voxels() {
        let image = Image { size: [10, 10, 5], spacing: [1.0, 1.0, 4.0], frames: 1, voxels: vec![1.0; 500] };
        let picture = image.montage((0.0, 1.0));
        // The long axis is 20 mm: 180 pixels; the others 10 mm: 90.
        assert_eq!(picture.width, COLUMNS * (90 + GAP) + GAP);
        assert_eq!(picture.pixels.len() / picture.width, 90 + GAP + 180 + GAP + 180 + GAP + GAP);
        assert!(picture.pixels.contains(&255));
    }
}
