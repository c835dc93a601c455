//! Packages that leave the machine: made offline, deployed without their sources, and never trusted.

use std::path::Path;

use tempfile::TempDir;

use crate::program::Program;
use crate::scene::{Hippos, Machines, Scene};
use crate::support::app::App;

/// A home that knows a Hippo which nobody can reach, and this machine.
fn secluded() -> TempDir {
    let home = TempDir::new().unwrap();
    let settings = home.path().join(".config/spin-deploy");
    std::fs::create_dir_all(&settings).unwrap();
    let hippo = "[target.far]\ndriver = \"hippo\"\nhippo-url = \"http://127.0.0.1:9\"\nbindle-server = \"http://127.0.0.1:9/v1\"\n";
    std::fs::write(settings.join("config.toml"), format!("{hippo}[target.near]\ndriver = \"local\"\n")).unwrap();
    home
}

#[tokio::test]
async fn equal_applications_make_equal_packages_without_any_server() {
    let home = secluded();
    for target in ["far", "near"] {
        let mut made = Vec::new();
        for app in [App::new("shop"), App::new("shop")] {
            let packaging = Program::at_home(home.path(), app.path()).args(&["package", "-t", target, "it.tar.gz"]);
            packaging.run().await.expect(0);
            made.push(std::fs::read(app.path().join("it.tar.gz")).unwrap());
        }
        assert!(made[0] == made[1], "{target}: the time, the place or the machine shows");
    }
}

#[tokio::test]
async fn which_format_it_has_is_told_where_no_target_was_named() {
    let (home, app) = (TempDir::new().unwrap(), App::new("shop"));
    let output = Program::at_home(home.path(), app.path()).args(&["package", "it"]).run().await.expect(0);
    assert!(output.stderr.contains("note: no target was named: the package is of the format bindle, for hippo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_all_that_hippo_needs() {
    travel(&Hippos::set().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_all_that_this_machine_needs() {
    travel(&Machines::set()).await;
}

/// What was tested at one target goes live at the other, from where there is nothing else.
async fn travel(scene: &dyn Scene) {
    let elsewhere = TempDir::new().unwrap();
    for (version, name) in [("1.0.0", "it.tar.gz"), ("1.1.0", "it")] {
        let app = App::new("shop");
        app.version(version);
        let package = elsewhere.path().join(name);
        scene.program(app.path()).args(&["package", "-t", "here", package.to_str().unwrap()]).run().await.expect(0);
        scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
        let tested = scene.running("here", &app).await;
        assert!(tested.is_some());
        for _ in 0..2 {
            scene.program(elsewhere.path()).args(&["--package", name, "-t", "there"]).run().await.expect(0);
            assert_eq!(scene.running("there", &app).await, tested, "{name}");
        }
    }
}

#[tokio::test]
async fn a_damaged_package_is_refused_before_anything_is_sent() {
    let (home, app) = (secluded(), App::new("shop"));
    for target in ["far", "near"] {
        let program = || Program::at_home(home.path(), app.path()).env("HIPPO_TOKEN", "any");
        let run = |args: &[&str]| program().args(args).args(&["-t", target]).run();
        run(&["package", target]).await.expect(0);
        let file = longest(&app.path().join(target));
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let output = run(&["deploy", "--package", target]).await.expect(3);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(output.stderr.contains(&name[..64]), "it names the file: {}", output.stderr);
        std::fs::remove_file(&file).unwrap();
        run(&["deploy", "--package", target]).await.expect(3);
    }
    assert!(!home.path().join(".local/share").exists(), "no server was started");
}

/// The longest of the files that hold the application's.
fn longest(package: &Path) -> std::path::PathBuf {
    let below = ["parcels", "blobs"].map(|name| package.join(name));
    let directory = below.iter().find(|directory| directory.exists()).expect("a package has files");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.max_by_key(|file| file.metadata().unwrap().len()).expect("there is a file")
}

#[tokio::test]
async fn a_package_stays_in_the_format_that_it_was_made_in() {
    let (home, app) = (secluded(), App::new("shop"));
    let run = |args: &[&str]| Program::at_home(home.path(), app.path()).args(args).run();
    run(&["package", "-t", "near", "it"]).await.expect(0);
    let output = run(&["deploy", "--package", "it", "-t", "far", "--hippo-token", "any"]).await.expect(3);
    assert!(output.stderr.contains("directory") && output.stderr.contains("bindle"), "{}", output.stderr);
    let output = run(&["promote", "--from", "near", "-t", "far"]).await.expect(3);
    assert!(output.stderr.contains("directory") && output.stderr.contains("bindle"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_live_is_not_promoted() {
    let (scene, app) = (Machines::set(), App::new("shop"));
    let promote = || scene.program(app.path()).args(&["promote", "--from", "here", "-t", "there"]).run();
    promote().await.expect(7);
    scene.program(app.path()).args(&["-t", "here"]).run().await.expect(0);
    promote().await.expect(0);
    assert_eq!(scene.running("there", &app).await, scene.running("here", &app).await);
}
