//! What was decided: flag > environment > default, each value with its origin.
