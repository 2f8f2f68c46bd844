//! A block that turns CSV text (RFC 4180) into rows, and says of each line that is none why.

mod block;
mod records;
mod values;
