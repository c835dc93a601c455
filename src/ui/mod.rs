//! What people and machines see: reporters for events, streams, colour.
