//! The table of causes of failure: ids, titles, evidence, remedies
