//! What looks come to.

use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Reporter for Recorder {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

fn finding(name: &str, verdict: Verdict, kind: Option<ErrorKind>) -> Finding {
    let hints = vec![format!("mend {name}")];
    Finding { check: Check { name: name.to_owned(), verdict, detail: "seen".to_owned(), hints }, kind }
}

fn examine(findings: Vec<Finding>) -> (Result<Event, Failure>, Vec<Event>) {
    let recorder = Arc::new(Recorder::default());
    let watch = Arc::new(Watch::new(Arc::clone(&recorder) as Arc<dyn Reporter>));
    let mut looks = Looks { watch: &watch, seen: Vec::new() };
    findings.into_iter().for_each(|finding| looks.tell(finding));
    let end = looks.examined("staging".to_owned(), Instant::now());
    let told = recorder.0.lock().unwrap().clone();
    (end, told)
}

#[test]
fn warnings_and_what_was_skipped_are_no_failure() {
    let looks = [("a", Verdict::Passed), ("b", Verdict::Warned), ("c", Verdict::Skipped)];
    let (end, told) = examine(looks.map(|(name, verdict)| finding(name, verdict, None)).into());
    let Ok(Event::Examined(examined)) = end else { panic!("{end:?}") };
    assert_eq!((examined.target.as_str(), examined.passed), ("staging", 2));
    assert_eq!(told.len(), 3);
}

#[test]
fn the_first_failure_decides_how_it_ends() {
    let (end, told) = examine(vec![
        finding("a", Verdict::Passed, None),
        finding("b", Verdict::Failed, Some(ErrorKind::Unauthenticated)),
        finding("c", Verdict::Failed, Some(ErrorKind::Unreachable)),
        finding("d", Verdict::Skipped, None),
    ]);
    let failure = end.unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (ExitCode::Unauthenticated, "2 of 4 looks failed"));
    assert_eq!((failure.causes, failure.hints), (vec!["b: seen".to_owned()], vec!["mend b".to_owned()]));
    assert_eq!(told.len(), 4);
}

#[test]
fn a_server_that_is_open_to_others_earns_a_warning() {
    let known = |listen: &str| {
        let variables: Environment =
            [("SPIN_DEPLOY_TARGET", "local"), ("SPIN_DEPLOY_LISTEN", listen)].into_iter().collect();
        let settings = crate::settings::resolve(&[variables.layer()]).unwrap();
        let looks = known(&settings, settings.driver.value);
        looks.into_iter().map(|look| (look.name, look.verdict, look.detail)).collect::<Vec<_>>()
    };
    assert_eq!(known("127.0.0.1").len(), 1);
    let detail = "SPIN_DEPLOY_LISTEN is 0.0.0.0: the applications can be reached from other machines";
    assert_eq!(known("0.0.0.0")[1..], [("who can reach it".to_owned(), Verdict::Warned, detail.to_owned())]);
}
