//! What applications write: their log files, which are read whether a server runs or not.

use std::collections::BTreeSet;

use anyhow::anyhow;

use super::{Local, unknown};
use crate::target::{
    AppName, Context, ErrorKind, LogBatch, LogFilters, LogLine, LogQuery, LogReader, LogStream, Logs, TargetError,
};
use crate::targets::local::logs::{self, Bookmarks, Line, Stream};

/// What is said where files were removed before they were read.
const LOST: &str = "older log files were removed before they were read: lines are missing before these";

impl Logs for Local {
    fn filters(&self) -> LogFilters {
        LogFilters { since: true, component: true }
    }

    fn open<'a>(&'a self, app: &AppName, query: LogQuery) -> Box<dyn LogReader + 'a> {
        Box::new(Reader { target: self, app: app.clone(), query, read: None })
    }
}

/// Reads an application's log files.
struct Reader<'a> {
    target: &'a Local,
    app: AppName,
    query: LogQuery,
    /// Up to where they were read.
    read: Option<Bookmarks>,
}

#[async_trait::async_trait]
impl LogReader for Reader<'_> {
    async fn read(&mut self, _cx: &Context) -> Result<LogBatch, TargetError> {
        let operation = format!("read the log of {}", self.app);
        let Some(record) = self.target.record(&self.app).await? else { return Err(unknown(&self.app, operation)) };
        if self.read.is_none() {
            self.refuse_unknown_component(&record.current().document, &operation).await?;
        }
        let (directory, query) = (self.target.paths.logs(&self.app.0), self.query.clone());
        let read = self.read.clone();
        let look = move || match read {
            None => {
                let (lines, read) = logs::last(&directory, query.count, query.since, query.component.as_deref())?;
                Ok::<_, std::io::Error>((lines, read, false))
            }
            Some(read) => logs::next(&directory, &read, query.component.as_deref()),
        };
        let looked = tokio::task::spawn_blocking(look).await;
        let looked = looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let (lines, read, lost) =
            looked.map_err(|error| TargetError::new(ErrorKind::InvalidConfig, operation).because(error))?;
        self.read = Some(read);
        Ok(LogBatch { lines: lines.into_iter().map(told).collect(), gap: lost.then(|| LOST.to_owned()) })
    }
}

impl Reader<'_> {
    /// Refuses a component that the application does not have: its silence would prove nothing.
    async fn refuse_unknown_component(&self, document: &str, operation: &str) -> Result<(), TargetError> {
        let Some(wanted) = &self.query.component else { return Ok(()) };
        let (document, directory) = (document.to_owned(), self.target.paths.logs(&self.app.0));
        let known = move |store: &crate::targets::local::store::Store| {
            let document = store.document(&document)?;
            let components = document.into_iter().flat_map(|document| document.components);
            Ok(components.map(|component| component.id).collect::<BTreeSet<_>>())
        };
        let mut known = self.target.with_store(operation, known).await?;
        known.extend(logs::components(&directory).unwrap_or_default());
        match known.contains(wanted) {
            true => Ok(()),
            false => {
                let known = known.into_iter().collect::<Vec<_>>().join(", ");
                Err(TargetError::new(ErrorKind::InvalidConfig, operation)
                    .because(anyhow!("{} has no component {wanted}; it has {known}", self.app))
                    .hint("name one that it has: `--component NAME`"))
            }
        }
    }
}

fn told(line: Line) -> LogLine {
    let Line { time, component, stream, text } = line;
    let stream = match stream {
        Stream::Out => LogStream::Out,
        Stream::Err => LogStream::Err,
    };
    LogLine { time: Some(time), component: Some(component), stream: Some(stream), text }
}
