//! Which trigger answers a path.

use super::request::Arrival;
use crate::package::directory::{RouteError, RoutePattern};

/// The routes of an application, each with what answers it.
pub struct Router<T> {
    base: String,
    /// The best match first.
    routes: Vec<Route<T>>,
}

struct Route<T> {
    pattern: RoutePattern,
    raw: String,
    answer: T,
}

/// A route that is none.
#[derive(Debug, thiserror::Error)]
#[error("route `{route}` {why}")]
pub struct InvalidRoute {
    route: String,
    why: RouteError,
}

impl<T> Router<T> {
    /// Routes as the manifest has them. Of equal ones the last wins, as in Spin.
    pub fn new(base: &str, routes: Vec<(String, T)>) -> Result<Router<T>, InvalidRoute> {
        let parse = |(raw, answer): (String, T)| match RoutePattern::new(base, &raw) {
            Ok(pattern) => Ok(Route { pattern, raw, answer }),
            Err(why) => Err(InvalidRoute { route: raw, why }),
        };
        let mut routes = routes.into_iter().rev().map(parse).collect::<Result<Vec<_>, _>>()?;
        // Stable, so that the last of equal ones stays the first.
        routes.sort_by(|a, b| a.pattern.cmp(&b.pattern));
        Ok(Router { base: base.to_owned(), routes })
    }

    /// What answers that path, and how the path led there.
    pub fn find(&self, path: &str) -> Option<(&T, Arrival<'_>)> {
        self.routes.iter().find_map(|route| {
            let matched = route.pattern.matches(path)?;
            let arrival = Arrival {
                base: &self.base,
                raw: &route.raw,
                based: route.pattern.based_route(),
                path_info: matched.trailing.unwrap_or_default(),
                named: matched.named,
            };
            Some((&route.answer, arrival))
        })
    }
}
