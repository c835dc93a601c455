//! Faults of the fake Hippo itself: what a client meets in place of the answer.

use super::reply::{Call, Reply};

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request changes nothing.
    BeforeCommit,
    /// The request is carried out, and only its answer is lost.
    AfterCommit,
}

/// What the client meets.
#[derive(Clone, Debug)]
pub enum Effect {
    /// This answer.
    Answer(Reply),
    /// A connection that is cut.
    Cut,
}

/// A fault for requests of a method and a path prefix.
#[derive(Clone, Debug)]
pub struct Fault {
    method: String,
    path_prefix: String,
    skip: usize,
    times: usize,
    when: When,
    effect: Effect,
}

impl Fault {
    /// Strikes the first request of `method` whose path begins with `path_prefix`: a bare 500 before anything is done.
    pub fn on(method: &str, path_prefix: &str) -> Self {
        let effect = Effect::Answer(Reply::empty(500).without_version());
        let (method, path_prefix) = (method.to_owned(), path_prefix.to_owned());
        Self { method, path_prefix, skip: 0, times: 1, when: When::BeforeCommit, effect }
    }

    /// Strikes from the `nth` matching request on; the first is 1.
    pub fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// Strikes this many times instead of once.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Strikes every time.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// The request is carried out first.
    pub fn after_commit(mut self) -> Self {
        self.when = When::AfterCommit;
        self
    }

    /// Answers with a status and no body.
    pub fn status(mut self, status: u16) -> Self {
        self.effect = Effect::Answer(Reply::empty(status).without_version());
        self
    }

    /// Answers with a status and a body, such as a proxy's HTML.
    pub fn body(mut self, status: u16, content_type: &str, body: &str) -> Self {
        self.effect = Effect::Answer(Reply::empty(status).without_version().with_body(content_type, body));
        self
    }

    /// Answers with a status and an HTML page.
    pub fn html(self, status: u16) -> Self {
        let page = format!("<html><body><h1>{status}</h1><p>the proxy's own page</p></body></html>");
        self.body(status, "text/html", &page)
    }

    /// Adds a header to the answer, such as `Retry-After`.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Effect::Answer(reply) = self.effect {
            self.effect = Effect::Answer(reply.with_header(axum::http::HeaderName::from_static(name), value));
        }
        self
    }

    /// Cuts the connection.
    pub fn cut(mut self) -> Self {
        self.effect = Effect::Cut;
        self
    }

    fn matches(&self, call: &Call) -> bool {
        self.method.eq_ignore_ascii_case(&call.method) && call.path.starts_with(&self.path_prefix)
    }

    /// Counts a matching request; whether this one is struck.
    fn strikes(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let strikes = self.times > 0;
        self.times = self.times.saturating_sub(1);
        strikes
    }
}

/// All faults that were set.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Sets one more; the one that was set first strikes first.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What strikes this request. Each matching fault counts it until one strikes.
    pub fn strike(&mut self, call: &Call) -> Option<(When, Effect)> {
        let mut matching = self.0.iter_mut().filter(|fault| fault.matches(call));
        matching.find_map(|fault| fault.strikes().then(|| (fault.when, fault.effect.clone())))
    }
}
