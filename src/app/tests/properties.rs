use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::super::manifest;
use super::super::problem::Problems;
use super::Fixture;

/// Pieces of manifests, so that random texts get deeper than the first line.
fn manifest_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("spin_manifest_version = 2\n".to_owned()),
        Just("spin_version = \"1\"\n".to_owned()),
        Just("[application]\n".to_owned()),
        Just("[[component]]\n".to_owned()),
        Just("[[trigger.http]]\n".to_owned()),
        Just("[trigger]\n".to_owned()),
        "\\[component\\.[a-c_]{1,3}\\]\n",
        "(name|id|source|files|component|route|executor|static_response|variables|config|profile|dependencies|tool|build|trigger) = ",
        "(\"[a-z/.*{}:]{0,8}\"|[0-9]{1,25}|true|1979-05-27|inf|\\[\\]|\\{\\})\n",
        "\\{ (source|component|type|a|version|required) = \"?[a-z]{0,3}\"? \\}\n",
        "\\PC{0,10}",
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

/// Paths of a few letters, so that they often meet.
fn path() -> impl Strategy<Value = String> {
    "[ab]{1,2}(/[ab]{1,2}){0,2}\\.t"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in prop_oneof![manifest_text(), any::<String>()]) {
        let problems = Problems::new(Path::new("spin.toml"), &text);
        let draft = manifest::read(&problems, Path::new("spin.toml"), Path::new("."), &text);
        let is_empty = draft.is_none();
        if let Err(error) = problems.finish(draft) {
            prop_assert!(!error.problems.is_empty());
            let lines = text.lines().count().max(1) + 1;
            prop_assert!(error.problems.iter().all(|problem| problem.at.line <= lines));
        } else {
            prop_assert!(!is_empty);
        }
    }

    #[test]
    fn the_order_in_which_files_were_made_does_not_matter(
        (paths, shuffled) in prop::collection::btree_set(path(), 1..8)
            .prop_map(|paths| paths.into_iter().collect::<Vec<_>>())
            .prop_flat_map(|paths| (Just(paths.clone()), Just(paths).prop_shuffle())),
    ) {
        let guests = |paths: &[String]| {
            let fixture = paths.iter().fold(Fixture::new().file("x.wasm"), |fixture, path| fixture.file(path));
            let app = fixture.app(&manifest_with("files = [\"**/*.t\"]"));
            app.components[0].files.iter().map(|file| file.guest.clone()).collect::<Vec<_>>()
        };
        let found = guests(&paths);
        prop_assert_eq!(&found, &guests(&shuffled));
        prop_assert_eq!(found, paths.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn guest_paths_stay_inside(
        pattern in "[./*a-b\\[\\]]{0,8}",
        source in "[./a-b]{0,6}",
        destination in "[./a-b]{0,8}",
    ) {
        let fixture = Fixture::new().file("x.wasm").file("a/a").file("a/b/b").file("b").file("../a/outside");
        let root = std::fs::canonicalize(fixture.root()).unwrap();
        let entries = [
            format!("files = [{pattern:?}]"),
            format!("files = [{{ source = {source:?}, destination = {destination:?} }}]"),
        ];
        for entry in entries {
            let Ok(app) = fixture.load(&manifest_with(&entry)) else { continue };
            for file in &app.components[0].files {
                prop_assert!(file.guest.split('/').all(|part| !["", ".", ".."].contains(&part)), "{}", file.guest);
                prop_assert!(file.path.starts_with(&root), "{}", file.path.display());
            }
        }
    }
}

fn manifest_with(files: &str) -> String {
    format!(
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
         [component.a]\nsource = \"x.wasm\"\n{files}\n"
    )
}
