//! `destroy`: takes an application away, or one channel of it.

use std::sync::Arc;
use std::time::Instant;

use crate::auth::Prompt;
use crate::event::{Destroyed, Event, Reporter, Step};
use crate::settings::env::Environment;
use crate::target::{Change, Removal, Scope};

use super::act::act;
use super::args::DestroyArgs;
use super::asking::Inquiry;
use super::credentials::{Ask, Questions};
use super::first_contact::Purpose;
use super::subject::Subject;
use super::tell::planned_change;
use super::watch::Watch;
use super::{ExitCode, Failure};

/// Shows what will go, asks, and removes it.
pub fn run(args: &DestroyArgs, environment: &Environment, watch: &Arc<Watch>) -> Result<Event, Failure> {
    let started = Instant::now();
    let subject = Subject::find(&args.app, args.app.layer(), Purpose::App("destroy"), environment, watch)?;
    let removal = subject.target.removal().ok_or_else(|| subject.unsupported("removes no applications"))?;
    let scope = scope(args, &subject, removal)?;
    let app = &subject.app;
    let doomed = Inquiry::new()?.ask(watch, async |cx| removal.doomed(cx, app, scope).await)??;
    let removed = match doomed.is_empty() {
        true => doomed,
        false => {
            confirm(args, &subject, &doomed, environment, watch)?;
            remove(&subject, removal, scope, watch)?
        }
    };
    Ok(Event::Destroyed(Destroyed {
        target: subject.place().to_owned(),
        app: app.to_string(),
        changes: removed.iter().map(planned_change).collect(),
        elapsed: started.elapsed(),
    }))
}

fn scope(args: &DestroyArgs, subject: &Subject, removal: &dyn Removal) -> Result<Scope, Failure> {
    match args.channel_only {
        false => Ok(Scope::App),
        true if removal.has_channels() => Ok(Scope::Channel),
        true => {
            let message = format!("--channel-only cannot be used: the target {} has no channels", subject.place());
            Err(Failure::new(ExitCode::Usage, message).hint("leave out --channel-only"))
        }
    }
}

/// Shows what will go, and lets somebody at the terminal type the application's name.
fn confirm(
    args: &DestroyArgs,
    subject: &Subject,
    doomed: &[Change],
    environment: &Environment,
    watch: &Watch,
) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    let questions = Questions::new(Ask::AtTerminal, &args.app.place.login, environment);
    let Ok(person) = questions.person() else {
        let message = format!("whether {} shall be removed has to be asked, and there is nobody to ask", subject.app);
        return Err(Failure::new(ExitCode::Usage, message).hint("if it shall, say so: `--yes`"));
    };
    for change in doomed {
        watch.report(Event::Note { message: format!("this would {change}") });
    }
    asked(person, subject, args)
}

fn asked(person: &dyn Prompt, subject: &Subject, args: &DestroyArgs) -> Result<(), Failure> {
    let what = if args.channel_only { "this channel of " } else { "" };
    let app = &subject.app;
    let question = format!("To remove {what}{app} from {}, type its name", subject.place());
    let answer = person.ask(&question, None).map_err(|error| Failure { live: untouched(), ..error.into() })?;
    match answer == app.0 {
        true => Ok(()),
        false => Err(Failure::new(ExitCode::Cancelled, "that is not its name: nothing was removed")
            .hint("run the same command again, or say so beforehand: `--yes`")),
    }
}

/// What is live when nobody has answered.
fn untouched() -> Option<String> {
    Some("what was live before; nothing was removed".to_owned())
}

fn remove(subject: &Subject, removal: &dyn Removal, scope: Scope, watch: &Arc<Watch>) -> Result<Vec<Change>, Failure> {
    act(watch, async |cx| {
        let begun = tokio::time::Instant::now();
        cx.report(Event::StepStarted { step: Step::Remove, subject: subject.app.to_string() });
        let removed = removal.destroy(cx, &subject.app, scope).await.map_err(Failure::removing)?;
        let summary = format!("{} gone", removed.len());
        cx.report(Event::StepFinished { step: Step::Remove, summary, elapsed: begun.elapsed() });
        Ok(removed)
    })
}
