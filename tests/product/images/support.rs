//! Making images and looking into them.

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use throng_contract::FunctionConfig;
use throng_core::definition::Definition;
use throng_core::image::{Blob, BlobSource, Cache, Composed, ImageError, compose};
use throng_core::model::Architecture;
use tokio_util::sync::CancellationToken;

pub const RUNTIME: &[u8] = b"\x7fELF the runtime";

/// A definition with a script, over an image.
pub fn definition(folder: &Path, image: &str) -> Definition {
    let mut definition = Definition::named("f", folder);
    image.clone_into(&mut definition.image);
    std::fs::write(folder.join("run.sh"), "#!/bin/sh\necho hello\n").unwrap();
    definition.script = Some(folder.join("run.sh"));
    definition.env.insert("MINE".into(), "1".into());
    definition
}

pub async fn composed(definition: &Definition, cache: &Cache) -> Result<Composed, ImageError> {
    let request = throng_core::deploy::compose_request(definition, Bytes::from_static(RUNTIME))?;
    compose(request, cache, &CancellationToken::new()).await
}

/// A tar entry.
#[derive(Clone)]
pub struct Entry {
    pub name: &'static str,
    pub kind: tar::EntryType,
    pub body: &'static str,
}

pub const fn file(name: &'static str, body: &'static str) -> Entry {
    Entry { name, kind: tar::EntryType::Regular, body }
}

pub const fn link(kind: tar::EntryType, name: &'static str, target: &'static str) -> Entry {
    Entry { name, kind, body: target }
}

/// A tar whose names are written as they are, hostile or not.
pub fn tar_of(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for Entry { name, kind, body } in entries {
        let mut header = tar::Header::new_gnu();
        let links = kind.is_symlink() || kind.is_hard_link();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if links {
            header.as_gnu_mut().unwrap().linkname[..body.len()].copy_from_slice(body.as_bytes());
        }
        header.set_entry_type(*kind);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_size(if links { 0 } else { body.len() as u64 });
        header.set_cksum();
        builder.append(&header, if links { &b""[..] } else { body.as_bytes() }).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One uncompressed zstd frame of raw blocks (RFC 8878): enough for a reader.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    let chunks: Vec<_> = bytes.chunks(100_000).collect();
    for (index, chunk) in chunks.iter().enumerate() {
        let last = u32::from(index + 1 == chunks.len());
        let header = last | (u32::try_from(chunk.len()).unwrap() << 3);
        out.extend(&header.to_le_bytes()[..3]);
        out.extend(*chunk);
    }
    out
}

pub fn bytes_of(blob: &Blob) -> Vec<u8> {
    match &blob.source {
        BlobSource::Bytes(bytes) => bytes.to_vec(),
        BlobSource::File { path, offset } => {
            let all = std::fs::read(path).unwrap();
            let start = usize::try_from(*offset).unwrap();
            all[start..start + usize::try_from(blob.size).unwrap()].to_vec()
        }
        BlobSource::Registry(_) => panic!("in a registry"),
    }
}

/// What a layer holds: names with a kind letter, mode and body.
pub fn listing(gzip_tar: &[u8]) -> BTreeMap<String, (char, u32, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(gzip_tar));
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            _ => 'f',
        };
        let mode = entry.header().mode().unwrap();
        let mut body = String::new();
        if let Some(target) = entry.link_name().unwrap() {
            target.to_str().unwrap().clone_into(&mut body);
        } else {
            entry.read_to_string(&mut body).unwrap();
        }
        found.insert(name, (kind, mode, body));
    }
    found
}

/// The function's configuration inside our layer.
pub fn config_in(image: &Composed) -> FunctionConfig {
    let layer = listing(&bytes_of(image.blobs.last().unwrap()));
    serde_json::from_str(&layer["opt/throng/function.json"].2).unwrap()
}

pub const X86: Architecture = Architecture::X86_64;
