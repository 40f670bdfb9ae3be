//! The one black-box test binary.
