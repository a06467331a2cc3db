//! `image`: what the context's registry holds.

use crate::args::Image;
use crate::fail::{CliResult, Fail};
use crate::print::{self, Table};
use crate::session::{Session, confirm};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use throng_core::cloud::Cloud;
use throng_core::deploy::{self, ImageDestination};
use throng_core::image::{self, Cache, ImageDetail, ImageError, Source};
use throng_core::jobs::Job;
use throng_core::lines;
use throng_core::words::{self, Clean};

pub async fn control(session: &Session, verb: Image) -> CliResult {
    let job = match &verb {
        Image::Ls | Image::Inspect { .. } => Job::Look,
        Image::Rm { .. } => Job::RemoveImage,
    };
    let job = session.job(job).await?;
    let cloud = job.cloud();
    match verb {
        Image::Ls => list(session, cloud).await,
        Image::Inspect { image } => {
            let place = place(cloud, &image).await?.registry;
            let separator = if place.tag.starts_with("sha256:") { '@' } else { ':' };
            let spec = format!("docker://{}/{}{separator}{}", place.host(), place.repository, place.tag);
            let source = Source::parse(&spec, Path::new("."))?;
            let cache = Cache::of(&session.dirs);
            let detail = image::inspect(&source, None, place.credentials.as_ref(), &cache).await;
            let detail = detail.map_err(|error| match error {
                ImageError::NotFound(_) => {
                    Fail::not_found(format!("there is no image {image}; run `throng image ls` to list them"))
                }
                error => error.into(),
            })?;
            show(session, &detail);
            Ok(())
        }
        Image::Rm { image, yes } => {
            let place = place(cloud, &image).await?;
            let name = format!("{}:{}", place.registry.repository, place.registry.tag);
            let users = users(cloud, &place).await?;
            let warning = match users.len() {
                0 => String::new(),
                1 => format!(" Function {} is made of it and will fail.", users[0]),
                _ => format!(" Functions {} are made of it and will fail.", users.join(", ")),
            };
            if !yes && !confirm(&format!("Remove the image {name}?{warning}"))? {
                return Ok(());
            }
            deploy::remove_image(cloud, &place).await?;
            let then = if users.is_empty() { "" } else { "; deploying again brings it back" };
            print::note(lines!("removed {name}{then}"));
            Ok(())
        }
    }
}

/// The functions that may be made of an image: repositories are named after theirs, in lower case, and lists of
/// functions do not say images.
async fn users(cloud: &Cloud, place: &ImageDestination) -> Result<Vec<String>, Fail> {
    let digest = Some(place.registry.tag.as_str()).filter(|tag| tag.starts_with("sha256:"));
    let of = |image: &str| {
        image.split_once('@').is_some_and(|(uri, of)| uri == place.uri && digest.is_none_or(|is| is == of))
    };
    let repository = place.registry.repository.rsplit('/').next().unwrap_or_default();
    let mut users = Vec::new();
    for function in cloud.lambda().list().await? {
        if function.name.to_lowercase() == repository
            && let Some(detail) = cloud.lambda().get(&function.name).await?
            && of(&detail.settings.image)
        {
            users.push(function.name);
        }
    }
    Ok(users)
}

/// Reads `repository[:tag|@digest]`; a name without a slash is a function's.
async fn place(cloud: &Cloud, text: &str) -> Result<ImageDestination, Fail> {
    let (repository, tag) = match text.split_once('@') {
        Some((repository, digest)) => (repository, Some(digest)),
        None => match text.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (text, None),
        },
    };
    let repository = if repository.contains('/') {
        repository.to_owned()
    } else {
        format!("throng/{}", repository.to_lowercase())
    };
    let mut place = deploy::place_of(cloud, &repository).await?;
    if let Some(tag) = tag {
        tag.clone_into(&mut place.registry.tag);
    }
    Ok(place)
}

async fn list(session: &Session, cloud: &Cloud) -> CliResult {
    let images = deploy::images(cloud).await?;
    let shown: Vec<_> = images
        .iter()
        .map(|image| json!({"repository": image.repository, "tags": image.tags, "digest": image.digest}))
        .collect();
    print::result(session.format, &shown, || {
        let mut table = Table::new(&["REPOSITORY", "TAGS", "DIGEST"]);
        for image in &images {
            table.row([image.repository.clone(), image.tags.join(" "), image.digest.clone()]);
        }
        if table.is_empty() { "No images.\n".into() } else { table.render() }
    });
    Ok(())
}

fn show(session: &Session, detail: &ImageDetail) {
    let settings = &detail.settings;
    let layers: Vec<_> = detail
        .layers
        .iter()
        .map(|layer| json!({"digest": layer.digest, "size": layer.size, "media_type": layer.media_type}))
        .collect();
    let document = json!({"name": detail.name, "digest": detail.digest, "architecture": detail.architecture.as_aws(),
        "size": detail.size(), "entrypoint": settings.entrypoint, "cmd": settings.cmd,
        "workdir": settings.workdir, "layers": layers});
    print::result(session.format, &document, || {
        let mut text = lines!("{}\n", detail.name);
        for (name, value) in [
            ("digest", detail.digest.clone().unwrap_or_default()),
            ("architecture", detail.architecture.as_aws().to_owned()),
            ("size", words::bytes(detail.size())),
            ("entry point", settings.entrypoint.join(" ")),
            ("command", settings.cmd.join(" ")),
            ("workdir", settings.workdir.clone()),
        ] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:<13} {}", Clean::new(&value));
            }
        }
        for layer in &detail.layers {
            let digest = layer.digest.as_deref().unwrap_or("-");
            let _ = writeln!(text, "  layer         {digest} {}", words::bytes(layer.size));
        }
        text
    });
}
