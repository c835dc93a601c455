//! `package`: writes the package to disk, offline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::deploy::{self, content};
use crate::event::{Event, Packaged, Reporter};
use crate::http::Client;
use crate::package::{Package, archive};
use crate::settings::Origin;
use crate::settings::env::Environment;

use super::Failure;
use super::act::act;
use super::args::PackageArgs;
use super::build::Builder;
use super::decide;
use super::deploy::{downloader, project};
use super::watch::Watch;

/// Packages.
pub fn run(args: &PackageArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let settings = decide::settings_of(&[args.layer(), environment.layer()], &args.source.from, watch)?;
    watch.is_about_target(&settings.target.value);
    let driver = settings.driver.value;
    let format = (driver.format)()?;
    if matches!(settings.target.origin, Origin::Default) {
        let (kind, format) = (driver.kind, format.name());
        let message = format!("no target was named: the package is of the format {format}, for {kind}");
        watch.report(Event::Note { message });
    }
    let project = project(&args.source, &args.packaging, &settings, environment, watch)?;
    let client = Client::new(&settings.config(None, &Default::default()).http)?;
    let builder = Builder::wanted(args.source.build, environment);
    let (package, path, new) = act(watch, async |cx| {
        if let Some(builder) = &builder {
            builder.run(cx, &project.from).await?;
        }
        let package = deploy::pack(cx, &downloader(&client, cx), &project, driver.kind, format.clone()).await?;
        let path = args.to.clone().unwrap_or_else(|| default_path(&package));
        let (written, to) = (package.clone(), path.clone());
        let write = tokio::task::spawn_blocking(move || archive::write(&written, &to)).await;
        let new = write.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        Ok((package, path, new))
    })?;
    if !new {
        let message = format!("{} is there already, and the same", path.display());
        watch.report(Event::Note { message });
    }
    Ok(Event::Packaged(Packaged {
        path: shown(&path),
        app: package.id.name.clone(),
        version: package.id.version.to_string(),
        format: format.name(),
        content: content(&package),
        elapsed: started.elapsed(),
    }))
}

/// In this directory, by its name and version.
fn default_path(package: &Package) -> PathBuf {
    format!("{}-{}.tar.gz", package.id.name, package.id.version).into()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
