//! What GitHub Actions read: whole files.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// What a pipeline's two files hold after these events, and what JSON hears.
fn told(events: Vec<Event>) -> (String, String, String) {
    let place = TempDir::new().unwrap();
    let (output, summary) = (place.path().join("output"), place.path().join("summary"));
    let heard = tell(Some(output.clone()), Some(summary.clone()), events);
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    (read(&output), read(&summary), heard)
}

fn tell(output: Option<PathBuf>, summary: Option<PathBuf>, events: Vec<Event>) -> String {
    let paper = Paper::default();
    let github = GitHub::new(Arc::new(Json::new(Box::new(paper.clone()), noon)), output, summary);
    events.into_iter().for_each(|event| github.report(event));
    paper.read()
}

fn live(change: impl FnOnce(&mut Finished)) -> Event {
    let mut finished = finished();
    change(&mut finished);
    Event::Finished(Box::new(finished))
}

fn dead(change: impl FnOnce(&mut Failed)) -> Event {
    let mut failed = failed();
    change(&mut failed);
    Event::Failed(Box::new(failed))
}

#[test]
fn a_good_run_is_an_output_of_the_step_and_a_table() {
    let (output, summary, heard) = told(good_run());
    insta::assert_snapshot!(output, @r"
    url=https://shop.example.com
    release=17
    version=1.4.0+s1f2e
    outcome=released
    ");
    insta::assert_snapshot!(summary, @r"

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | staging | released | 17 | 1.4.0+s1f2e | web <https://shop.example.com/><br>checkout <https://shop.example.com/api/checkout> |
    ");
    assert_eq!(heard, json(good_run()), "the other reporter hears everything");
}

#[test]
fn an_unchanged_application_is_one_that_answers() {
    let (output, summary, _) = told(vec![live(|finished| {
        finished.outcome = OutcomeKind::Unchanged;
        finished.routes.clear();
    })]);
    assert!(output.ends_with("outcome=unchanged\n") && output.starts_with("url=https://shop"), "{output}");
    assert!(summary.ends_with("| unchanged | 17 | 1.4.0+s1f2e | <https://shop.example.com> |\n"), "{summary}");
}

#[test]
fn a_failure_tells_its_reason_and_leaves_no_url() {
    let (output, summary, _) = told(vec![dead(|_| ())]);
    insta::assert_snapshot!(output, @r"
    url=
    release=
    version=
    outcome=release_failed
    ");
    insta::assert_snapshot!(summary, @r"

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | staging | release\_failed |  |  |  |

    **Reason:** shop/1.4.0 was released, but it failed: the allocation failed: spin.toml:12: component.api.source: no such file \(E8\)

    **Live now:** release 17 \(1.4.0\)
    ");
}

#[test]
fn what_was_put_back_is_told_from_what_somebody_went_back_to() {
    let (output, ..) = told(vec![dead(|failed| failed.reason = "rolled_back")]);
    assert!(output.ends_with("outcome=restored\n"), "{output}");
    let (output, ..) = told(vec![live(|finished| finished.outcome = OutcomeKind::RolledBack)]);
    assert!(output.ends_with("outcome=rolled_back\n"), "{output}");
}

#[test]
fn no_value_is_more_than_one_output() {
    let (output, ..) = told(vec![live(|finished| {
        finished.url = Some("https://a.example\noutcome=forged".to_owned());
        finished.release = Some("17\nEND\nversion=forged\rEND_".to_owned());
        finished.version = "1<<END".to_owned();
    })]);
    insta::assert_snapshot!(output.replace('\r', "CR"), @r"
    url<<END
    https://a.example
    outcome=forged
    END
    release<<END__
    17
    END
    version=forgedCREND_
    END__
    version=1<<END
    outcome=released
    ");
}

#[test]
fn nothing_in_a_value_is_markdown() {
    let (_, summary, _) = told(vec![live(|finished| {
        finished.app = "a|b\n| <script> | [x](http://y) `c` **d** _e_\u{202e}\u{1b}[2J".to_owned();
        finished.url = Some("javascript:alert(1)".to_owned());
        finished.routes.truncate(1);
        finished.routes[0].url = "https://a.example/|<br>".to_owned();
    })]);
    insta::assert_snapshot!(summary, @r"

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | a\|b \| \<script\> \| \[x\]\(http://y\) \`c\` \*\*d\*\* \_e\_\\u\{202e\}\\u\{1b\}\[2J | staging | released | 17 | 1.4.0+s1f2e | web https://a.example/\|\<br\> |
    ");
    let (_, summary, _) = told(vec![dead(|failed| failed.causes = vec!["one\n\n# two\n| a | b |".to_owned()])]);
    let reason = summary.lines().find(|line| line.starts_with("**Reason:**")).unwrap();
    assert!(reason.contains(r"it failed: one \# two \| a \| b \|: spin.toml"), "{reason}");
}

#[test]
fn files_are_appended_to_and_never_truncated() {
    let place = TempDir::new().unwrap();
    let (output, summary) = (place.path().join("output"), place.path().join("summary"));
    fs::write(&output, "mine=1").unwrap();
    fs::write(&summary, "# Mine\n").unwrap();
    for _ in 0..2 {
        tell(Some(output.clone()), Some(summary.clone()), vec![dead(|failed| failed.live = None)]);
    }
    let (output, summary) = (fs::read_to_string(output).unwrap(), fs::read_to_string(summary).unwrap());
    let once = "url=\nrelease=\nversion=\noutcome=release_failed\n";
    assert_eq!(output, format!("mine=1\n{once}{once}"));
    assert!(summary.starts_with("# Mine\n\n| app |"), "{summary}");
    assert_eq!(summary.matches("\n\n| app |").count(), 2, "{summary}");
}

#[test]
fn a_file_that_cannot_be_written_is_a_warning() {
    let place = TempDir::new().unwrap();
    let nowhere = place.path().join("absent/output");
    let heard = tell(Some(nowhere.clone()), Some(place.path().to_owned()), good_run());
    let heard: Vec<&str> = heard.lines().rev().take(3).collect();
    assert!(heard[0].contains(r#""event":"finished""#), "{heard:?}");
    assert!(heard[1].contains("warning") && heard[1].contains("the summary of this step could not"), "{heard:?}");
    assert!(heard[2].contains("warning") && heard[2].contains(nowhere.to_str().unwrap()), "{heard:?}");
}

#[test]
fn other_answers_and_other_places_are_left_alone() {
    let (output, summary, _) = told(vec![started(Step::Plan, "shop"), stopped(None)]);
    assert_eq!((output.as_str(), summary.as_str()), ("", ""));
    assert_eq!(tell(None, None, good_run()), json(good_run()));
}
