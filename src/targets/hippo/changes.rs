//! The pure heart: what Hippo has and what we wish → what has to be done. `plan` and `release` both ask here, so that
//! what is applied is what was planned. Nothing in this file does I/O, and no order of any list matters.

use super::api::{App, AppChannel, Channel, Identified, Revision, Strategy};
use super::readiness::{Sight, Silence};
use crate::target::{Action, Change};

/// What shall be live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The application's name.
    pub app: String,
    /// The name of its bindles.
    pub storage_id: String,
    /// The version, build metadata included.
    pub version: String,
    /// The channel's name.
    pub channel: String,
    /// The channel's domain; `None`: whatever it has, or Hippo's default.
    pub domain: Option<String>,
}

/// What Hippo has of the application; `None`: nothing.
pub type State = Option<AppState>;

/// An application that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppState {
    /// Its GUID.
    pub id: String,
    /// Whether the wished version is registered.
    pub revision: Registered,
    /// The wished channel.
    pub channel: Option<ChannelState>,
}

/// Whether a version is registered. Finding out takes paging through all revisions of the server, which a deployment
/// does when it releases, and not before: until a look has shown it, a version counts as one to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// Not looked for, or not found.
    NotSeen,
    /// There is a row.
    Yes,
}

/// A channel that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Its GUID.
    pub id: String,
    /// The version that is recorded as active, where it is one of this application.
    pub version: Option<String>,
    /// What only the channel itself shows; `None`: not read.
    pub record: Option<Record>,
    /// What answers at its URL; `None`: not looked at.
    pub sight: Option<Sight>,
}

/// What only the channel itself shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whether it stays with the revision that it was given.
    pub pinned: bool,
    /// Where it answers.
    pub domain: String,
}

/// Several things bear one name although Hippo means names to be unique.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Hippo has {} {kind}s of the name {name}: {}", .ids.len(), .ids.join(", "))]
pub struct Several {
    /// What they are.
    pub kind: &'static str,
    /// Their name.
    pub name: String,
    /// Their GUIDs, smallest first.
    pub ids: Vec<String>,
}

impl AppState {
    /// An application as a list shows it.
    pub fn listed(app: &App, wish: &Wish) -> Result<AppState, Several> {
        let channel = find_channel(app, &wish.channel)?;
        let bare = AppState { id: app.id.clone(), revision: Registered::NotSeen, channel: None };
        Ok(bare.with_channel(channel.map(ChannelState::listed), wish))
    }

    /// The same application with what is known of the channel.
    pub fn with_channel(self, channel: Option<ChannelState>, wish: &Wish) -> AppState {
        let active = channel.as_ref().is_some_and(|channel| channel.runs(wish));
        let revision = if active { Registered::Yes } else { Registered::NotSeen };
        AppState { revision, channel, ..self }
    }

    /// Whether a release has to know the wished version's row.
    pub fn needs_revision(&self, wish: &Wish) -> bool {
        self.channel.as_ref().is_none_or(|channel| channel.needs_patch(wish))
    }
}

impl ChannelState {
    fn listed(channel: &AppChannel) -> ChannelState {
        let version = channel.active_revision_number.clone();
        ChannelState { id: channel.id.clone(), version, record: None, sight: None }
    }

    /// A channel as it shows itself. A revision of another application has another bindle, whatever its number.
    pub fn read(channel: &Channel) -> ChannelState {
        let active = channel.active_revision.as_ref().filter(|revision| revision.app_id == channel.app_id);
        ChannelState {
            id: channel.id.clone(),
            version: active.map(|revision| revision.revision_number.clone()),
            record: Some(Record {
                pinned: channel.revision_selection_strategy == Strategy::UseSpecifiedRevision,
                domain: channel.domain.clone(),
            }),
            sight: None,
        }
    }

    /// Whether the wished version is the recorded one.
    pub fn runs(&self, wish: &Wish) -> bool {
        self.version.as_deref() == Some(&wish.version)
    }

    /// Whether the record has to become different.
    pub fn needs_patch(&self, wish: &Wish) -> bool {
        !self.differences(wish).is_empty()
    }

    /// The domain that the channel shall have and, as far as is known, does not have yet.
    pub fn new_domain<'a>(&self, wish: &'a Wish) -> Option<&'a str> {
        let has = self.record.as_ref().map(|record| record.domain.as_str());
        wish.domain.as_deref().filter(|domain| Some(*domain) != has)
    }

    /// Whether it is known to follow a range rule.
    pub fn follows_rule(&self) -> bool {
        self.record.as_ref().is_some_and(|record| !record.pinned)
    }

    /// In what the record differs from the wish, in words. A channel that gets another version stays with it in any
    /// case; that it followed a rule is a difference of its own only where the version is the right one. So these words
    /// are the same whether the record was read or only its version is known.
    fn differences(&self, wish: &Wish) -> Vec<String> {
        let mut differences = Vec::new();
        if !self.runs(wish) {
            differences.push(format!("{} -> {}", self.version.as_deref().unwrap_or("no revision"), wish.version));
        } else if self.follows_rule() {
            differences.push("pinned: it followed a range rule".to_owned());
        }
        if let Some(new) = self.new_domain(wish) {
            let old = self.record.as_ref().map_or("the present one", |record| &record.domain);
            differences.push(format!("domain {old} -> {new}"));
        }
        differences
    }

    /// What has to be done with the channel.
    fn change(&self, wish: &Wish) -> (Action, Option<String>) {
        let differences = self.differences(wish);
        if !differences.is_empty() {
            return (Action::Update, Some(differences.join("; ")));
        }
        match &self.sight {
            Some(Sight::Version(version)) if *version == wish.version => {
                (Action::Keep, Some(format!("{version} answers")))
            }
            Some(Sight::Version(version)) => (Action::Update, Some(format!("restart: {version} still answers"))),
            Some(Sight::Healthy) => (Action::Update, Some("restart: what answers cannot name its version".to_owned())),
            Some(Sight::Nothing(Silence { why, .. })) => {
                (Action::Update, Some(format!("start: nothing answers ({why})")))
            }
            None => (Action::Update, Some("restart".to_owned())),
        }
    }
}

/// What has to be done, in the order in which it is done.
pub fn changes(wish: &Wish, state: &State) -> Vec<Change> {
    let change = |action, subject: String, detail| Change { action, subject, detail };
    let app = match state {
        Some(_) => Action::Keep,
        None => Action::Create,
    };
    let revision = match state {
        Some(AppState { revision: Registered::Yes, .. }) => Action::Keep,
        _ => Action::Create,
    };
    let (channel, detail) = match state.as_ref().and_then(|app| app.channel.as_ref()) {
        Some(channel) => channel.change(wish),
        None => (Action::Create, wish.domain.as_ref().map(|domain| format!("domain {domain}"))),
    };
    vec![
        change(app, format!("app {}", wish.app), None),
        change(revision, format!("revision {}", wish.version), None),
        change(channel, format!("channel {}", wish.channel), detail),
    ]
}

/// The application of that name. Hippo's search also finds names that merely contain it.
pub fn find_app<'a>(apps: &'a [App], name: &str) -> Result<Option<&'a App>, Several> {
    only("app", name, named(apps, name))
}

/// The channel of that name.
pub fn find_channel<'a>(app: &'a App, name: &str) -> Result<Option<&'a AppChannel>, Several> {
    only("channel", name, app.channels.iter().filter(|channel| channel.name == name))
}

/// The applications of exactly that name.
pub fn named<'a>(apps: &'a [App], name: &str) -> impl Iterator<Item = &'a App> {
    apps.iter().filter(move |app| app.name == name)
}

/// The rows of a version, smallest GUID first: the first of them is everybody's.
pub fn rows<'a>(revisions: &'a [Revision], app_id: &str, version: &str) -> Vec<&'a Revision> {
    let mut rows: Vec<_> =
        revisions.iter().filter(|row| row.app_id == app_id && row.revision_number == version).collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

/// The only one of several candidates.
fn only<'a, T: Identified>(
    kind: &'static str,
    name: &str,
    candidates: impl Iterator<Item = &'a T>,
) -> Result<Option<&'a T>, Several> {
    let mut candidates: Vec<_> = candidates.collect();
    if candidates.len() < 2 {
        return Ok(candidates.pop());
    }
    let mut ids: Vec<_> = candidates.iter().map(|candidate| candidate.id().to_owned()).collect();
    ids.sort();
    Err(Several { kind, name: name.to_owned(), ids })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as Generates;

    const NEW: &str = "1.0.0+snew";
    const OLD: &str = "1.0.0+sold";

    fn wish(domain: Option<&str>) -> Wish {
        Wish {
            app: "web".into(),
            storage_id: "web".into(),
            version: NEW.into(),
            channel: "spin-deploy".into(),
            domain: domain.map(str::to_owned),
        }
    }

    fn channel(version: Option<&str>, pinned: Option<bool>, sight: Option<Sight>) -> Option<ChannelState> {
        let record = pinned.map(|pinned| Record { pinned, domain: "web.example.com".into() });
        Some(ChannelState { id: "c1".into(), version: version.map(str::to_owned), record, sight })
    }

    fn lines(wish: &Wish, state: &State) -> Vec<String> {
        changes(wish, state).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_an_app_everything_is_created() {
        assert_eq!(
            lines(&wish(None), &None),
            ["create app web", "create revision 1.0.0+snew", "create channel spin-deploy"]
        );
        assert_eq!(
            lines(&wish(Some("shop.example.com")), &None),
            ["create app web", "create revision 1.0.0+snew", "create channel spin-deploy (domain shop.example.com)"]
        );
    }

    #[test]
    fn the_table_of_states() {
        use Registered::{NotSeen, Yes};
        let ours = || Some(Sight::Version(NEW.into()));
        let other = || Some(Sight::Version(OLD.into()));
        let nothing = || {
            let why = "connection refused".into();
            Some(Sight::Nothing(Silence { obstacle: crate::targets::hippo::layer::Obstacle::Address, why }))
        };
        let healthy = || Some(Sight::Healthy);
        let update = |detail: &str| format!("update channel spin-deploy ({detail})");
        // (revision, channel, what becomes of the revision, what becomes of the channel)
        let table = [
            (NotSeen, None, "create", "create channel spin-deploy".to_owned()),
            (Yes, None, "keep", "create channel spin-deploy".to_owned()),
            (NotSeen, channel(Some(OLD), None, None), "create", update("1.0.0+sold -> 1.0.0+snew")),
            (Yes, channel(Some(OLD), None, None), "keep", update("1.0.0+sold -> 1.0.0+snew")),
            (NotSeen, channel(None, None, None), "create", update("no revision -> 1.0.0+snew")),
            (Yes, channel(Some(OLD), Some(true), ours()), "keep", update("1.0.0+sold -> 1.0.0+snew")),
            (Yes, channel(Some(OLD), Some(false), None), "keep", update("1.0.0+sold -> 1.0.0+snew")),
            (Yes, channel(Some(NEW), Some(false), ours()), "keep", update("pinned: it followed a range rule")),
            (
                Yes,
                channel(Some(NEW), Some(true), ours()),
                "keep",
                "keep channel spin-deploy (1.0.0+snew answers)".to_owned(),
            ),
            (Yes, channel(Some(NEW), Some(true), other()), "keep", update("restart: 1.0.0+sold still answers")),
            (
                Yes,
                channel(Some(NEW), Some(true), nothing()),
                "keep",
                update("start: nothing answers (connection refused)"),
            ),
            (
                Yes,
                channel(Some(NEW), Some(true), healthy()),
                "keep",
                update("restart: what answers cannot name its version"),
            ),
            (Yes, channel(Some(NEW), Some(true), None), "keep", update("restart")),
        ];
        for (revision, channel, revision_line, channel_line) in table {
            let state = Some(AppState { id: "a1".into(), revision, channel });
            let expected = ["keep app web".to_owned(), format!("{revision_line} revision 1.0.0+snew"), channel_line];
            assert_eq!(lines(&wish(None), &state), expected, "{state:?}");
        }
    }

    #[test]
    fn a_wished_domain_counts_only_when_it_is_another() {
        let proven = channel(Some(NEW), Some(true), Some(Sight::Version(NEW.into()))).unwrap();
        assert!(!proven.needs_patch(&wish(None)));
        assert!(!proven.needs_patch(&wish(Some("web.example.com"))));
        assert!(proven.needs_patch(&wish(Some("shop.example.com"))));
        let state = Some(AppState { id: "a1".into(), revision: Registered::Yes, channel: Some(proven) });
        assert_eq!(
            lines(&wish(Some("shop.example.com")), &state)[2],
            "update channel spin-deploy (domain web.example.com -> shop.example.com)"
        );
    }

    #[test]
    fn a_revision_of_another_app_is_not_ours_whatever_its_number() {
        let channel = Channel {
            id: "c1".into(),
            app_id: "a1".into(),
            name: "spin-deploy".into(),
            domain: "web.example.com".into(),
            revision_selection_strategy: Strategy::UseSpecifiedRevision,
            active_revision: Some(Revision { id: "r1".into(), app_id: "a2".into(), revision_number: NEW.into() }),
            range_rule: None,
        };
        assert!(!ChannelState::read(&channel).runs(&wish(None)));
    }

    fn app(id: &str, name: &str, channels: &[(&str, &str)]) -> App {
        let channels = channels.iter().map(|(id, name)| AppChannel {
            id: (*id).into(),
            name: (*name).into(),
            active_revision_number: Some(OLD.into()),
        });
        App { id: id.into(), name: name.into(), storage_id: name.into(), channels: channels.collect() }
    }

    #[test]
    fn names_are_compared_exactly_and_doubles_are_refused_with_their_ids() {
        let apps = [app("a3", "web", &[]), app("a1", "my-web", &[]), app("a2", "Web", &[])];
        assert_eq!(find_app(&apps, "web").unwrap().map(|app| app.id.as_str()), Some("a3"));
        assert_eq!(find_app(&apps, "we").unwrap(), None);

        let apps = [app("a3", "web", &[]), app("a1", "web", &[])];
        let several = find_app(&apps, "web").unwrap_err();
        assert_eq!(several.to_string(), "Hippo has 2 apps of the name web: a1, a3");

        let doubled = app("a1", "web", &[("c2", "spin-deploy"), ("c1", "spin-deploy"), ("c0", "staging")]);
        let several = AppState::listed(&doubled, &wish(None)).unwrap_err();
        assert_eq!(several.ids, ["c1", "c2"]);
    }

    /// Lists of rows in which names, applications and versions repeat.
    fn revisions() -> impl Generates<Value = Vec<Revision>> {
        let row = ("[a-f]{4}", "a[1-2]", "1\\.0\\.[0-1]").prop_map(|(id, app_id, revision_number)| Revision {
            id,
            app_id,
            revision_number,
        });
        proptest::collection::vec(row, 0..12)
    }

    /// Lists of applications in which names repeat, with channels whose names repeat.
    fn apps() -> impl Generates<Value = Vec<App>> {
        let channel = ("[c-f]{4}", "spin-deploy|staging", proptest::option::of("1\\.0\\.0\\+s(new|old)"))
            .prop_map(|(id, name, active_revision_number)| AppChannel { id, name, active_revision_number });
        let app = ("[a-f]{4}", "web|my-web|webs", proptest::collection::vec(channel, 0..4))
            .prop_map(|(id, name, channels)| App { id, storage_id: name.clone(), name, channels });
        proptest::collection::vec(app, 0..6)
    }

    /// Everything that is decided from a list.
    fn decide(apps: &[App]) -> Result<Vec<Change>, Several> {
        let wish = wish(None);
        let state = find_app(apps, "web")?.map(|app| AppState::listed(app, &wish)).transpose()?;
        Ok(changes(&wish, &state))
    }

    proptest! {
        #[test]
        fn the_order_of_lists_does_not_matter(
            (apps, mut shuffled) in apps().prop_flat_map(|apps| (Just(apps.clone()), Just(apps).prop_shuffle())),
            (revisions, mixed) in revisions().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            for app in &mut shuffled {
                app.channels.reverse();
            }
            prop_assert_eq!(decide(&apps), decide(&apps));
            prop_assert_eq!(decide(&apps), decide(&shuffled));
            let first = |rows: &[Revision]| super::rows(rows, "a1", "1.0.0").first().map(|row| row.id.clone());
            prop_assert_eq!(first(&revisions), first(&mixed));
        }
    }
}
