//! What the fake remembers: plain rows, as Hippo's database holds them, and the questions asked of them.
//!
//! Facts: `deislabs/hippo src/Core/Entities/*.cs@v0.20.2`.

use jiff::Timestamp;

use super::guid::{Guid, GuidSource};

/// `ChannelRevisionSelectionStrategy.UseRangeRule`.
pub const USE_RANGE_RULE: i64 = 0;
/// `ChannelRevisionSelectionStrategy.UseSpecifiedRevision`.
pub const USE_SPECIFIED_REVISION: i64 = 1;
/// `DesiredStatus` of a fresh channel: a value that the enum does not declare.
pub const DESIRED_UNSET: i64 = 0;
/// `DesiredStatus.Running`.
pub const DESIRED_RUNNING: i64 = 2;
/// `DesiredStatus.Dead`.
pub const DESIRED_DEAD: i64 = 3;

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    pub id: Guid,
    pub name: String,
    pub password: String,
    pub administrator: bool,
}

/// An app; several may share a storage id, and seeded ones a name.
#[derive(Clone, Debug)]
pub struct App {
    pub id: Guid,
    pub name: String,
    pub storage_id: String,
}

/// A row of a revision; one number may have several rows.
#[derive(Clone, Debug)]
pub struct Revision {
    pub id: Guid,
    pub app_id: Guid,
    pub number: String,
    pub description: Option<String>,
    pub components: Vec<Component>,
}

/// One `[[component]]` of a revision's manifest.
#[derive(Clone, Debug)]
pub struct Component {
    pub id: Guid,
    pub source: String,
    pub name: String,
    pub route: Option<String>,
    pub channel: Option<String>,
    pub kind: Option<String>,
}

/// A variable of a channel; it never reaches the app.
#[derive(Clone, Debug)]
pub struct Variable {
    pub id: Guid,
    pub key: String,
    pub value: String,
}

/// A channel: a name, a domain and the revision that it is meant to run.
#[derive(Clone, Debug)]
pub struct Channel {
    pub id: Guid,
    pub app_id: Guid,
    pub name: String,
    pub domain: String,
    pub strategy: i64,
    pub range_rule: Option<String>,
    pub active_revision: Option<Guid>,
    pub certificate: Option<Guid>,
    pub last_publish: Option<Timestamp>,
    pub desired_status: i64,
    pub variables: Vec<Variable>,
}

/// A certificate; its keys are never looked at.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub id: Guid,
    pub name: String,
    pub public_key: String,
    pub private_key: String,
}

/// All rows, in the order in which they were inserted.
#[derive(Debug)]
pub struct State {
    pub users: Vec<User>,
    pub apps: Vec<App>,
    pub revisions: Vec<Revision>,
    pub channels: Vec<Channel>,
    pub certificates: Vec<Certificate>,
    ids: GuidSource,
}

impl State {
    /// An empty database whose ids follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            users: Vec::new(),
            apps: Vec::new(),
            revisions: Vec::new(),
            channels: Vec::new(),
            certificates: Vec::new(),
            ids: GuidSource::new(seed),
        }
    }

    /// A new id.
    pub fn next_id(&mut self) -> Guid {
        self.ids.next()
    }

    /// Inserts an account.
    pub fn add_user(&mut self, name: &str, password: &str, administrator: bool) -> Guid {
        let id = self.next_id();
        self.users.push(User { id, name: name.to_owned(), password: password.to_owned(), administrator });
        id
    }

    /// Inserts an app, whatever other apps there are.
    pub fn add_app(&mut self, name: &str, storage_id: &str) -> Guid {
        let id = self.next_id();
        self.apps.push(App { id, name: name.to_owned(), storage_id: storage_id.to_owned() });
        id
    }

    /// Inserts a revision without components.
    pub fn add_revision(&mut self, app_id: Guid, number: &str) -> Guid {
        let revision = self.new_revision(app_id, number);
        let id = revision.id;
        self.revisions.push(revision);
        id
    }

    /// Inserts several at once: they lie in the order of their random ids. The ids are returned
    /// in the order of the numbers.
    pub fn add_revisions(&mut self, app_id: Guid, numbers: &[String]) -> Vec<Guid> {
        let mut rows: Vec<_> = numbers.iter().map(|number| self.new_revision(app_id, number)).collect();
        let ids = rows.iter().map(|row| row.id).collect();
        rows.sort_by_key(|row| row.id);
        self.revisions.extend(rows);
        ids
    }

    fn new_revision(&mut self, app_id: Guid, number: &str) -> Revision {
        let (id, number) = (self.next_id(), number.to_owned());
        Revision { id, app_id, number, description: None, components: Vec::new() }
    }

    /// Inserts a channel and gives it its id.
    pub fn add_channel(&mut self, channel: Channel) -> Guid {
        let id = self.next_id();
        self.channels.push(Channel { id, ..channel });
        id
    }

    /// The user with this id.
    pub fn user(&self, id: Guid) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// The user with exactly this name.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The app with this id.
    pub fn app(&self, id: Guid) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// The revision with this id.
    pub fn revision(&self, id: Guid) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    /// The channel with this id.
    pub fn channel(&self, id: Guid) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// The channel with this id, to change it.
    pub fn channel_mut(&mut self, id: Guid) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|channel| channel.id == id)
    }

    /// The certificate with this id.
    pub fn certificate(&self, id: Guid) -> Option<&Certificate> {
        self.certificates.iter().find(|certificate| certificate.id == id)
    }

    /// An app's channels in the order of their creation.
    pub fn channels_of(&self, app_id: Guid) -> impl Iterator<Item = &Channel> {
        self.channels.iter().filter(move |channel| channel.app_id == app_id)
    }

    /// An app's revisions in the order in which they lie in the table.
    pub fn revisions_of(&self, app_id: Guid) -> Vec<&Revision> {
        self.revisions.iter().filter(|revision| revision.app_id == app_id).collect()
    }

    /// Whether the references that a channel would hold exist (the database's foreign keys).
    pub fn references_exist(&self, revision: Option<Guid>, certificate: Option<Guid>) -> bool {
        revision.is_none_or(|id| self.revision(id).is_some())
            && certificate.is_none_or(|id| self.certificate(id).is_some())
    }

    /// Whether a channel of another app runs one of this app's revisions.
    pub fn is_used_elsewhere(&self, app_id: Guid) -> bool {
        let foreign = |channel: &Channel| {
            let revision = channel.active_revision.and_then(|id| self.revision(id));
            channel.app_id != app_id && revision.is_some_and(|revision| revision.app_id == app_id)
        };
        self.channels.iter().any(foreign)
    }

    /// Removes an app with its channels and revisions.
    pub fn remove_app(&mut self, id: Guid) {
        self.apps.retain(|app| app.id != id);
        self.channels.retain(|channel| channel.app_id != id);
        self.revisions.retain(|revision| revision.app_id != id);
    }

    /// Removes a revision; channels that had it have none then.
    pub fn remove_revision(&mut self, id: Guid) {
        self.revisions.retain(|revision| revision.id != id);
        for channel in self.channels.iter_mut().filter(|channel| channel.active_revision == Some(id)) {
            channel.active_revision = None;
        }
    }
}
