//! Directory listings: written for LIST, NLST and MLSx, and read from whatever servers send.

pub mod read;
pub mod write;

use crate::time::Civil;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Civil {
    fn month_name(self) -> &'static [u8; 3] {
        let index = usize::from(self.month.saturating_sub(1));
        MONTHS.get(index).copied().unwrap_or(b"Jan")
    }
}
