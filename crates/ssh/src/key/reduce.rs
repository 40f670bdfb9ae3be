//! The remainder that OpenSSH's key files leave out.

use secrecy::zeroize::Zeroizing;

/// `number` modulo `modulus`, both big-endian; `modulus` is not zero. aws-lc-rs wants the private
/// exponent of an RSA key modulo each prime less one, and OpenSSH does not store that.
///
/// Both are secret: which steps are taken and which memory is read depends on their lengths only.
pub(super) fn remainder(number: &[u8], modulus: &[u8]) -> Zeroizing<Vec<u8>> {
    let modulus = limbs(modulus);
    let mut rest = Zeroizing::new(vec![0_u32; modulus.len()]);
    let mut less = Zeroizing::new(vec![0_u32; modulus.len()]);
    for byte in number {
        for bit in (0..8).rev() {
            let over = double(&mut rest, u32::from(byte >> bit & 1));
            let under = subtract(&rest, &modulus, &mut less);
            // Less is right when the doubled number went over the limbs or is not under the modulus.
            let take = 0_u32.wrapping_sub(over | (under ^ 1));
            for (rest, less) in rest.iter_mut().zip(less.iter()) {
                *rest = (*rest & !take) | (less & take);
            }
        }
    }
    let bytes = rest.iter().rev().flat_map(|limb| limb.to_be_bytes());
    let mut out = Zeroizing::new(Vec::with_capacity(rest.len() * 4));
    out.extend(bytes);
    out
}

/// Big-endian bytes as limbs, the least first.
fn limbs(bytes: &[u8]) -> Zeroizing<Vec<u32>> {
    let mut limbs = Zeroizing::new(Vec::with_capacity(bytes.len().div_ceil(4)));
    limbs.extend(bytes.rchunks(4).map(|chunk| {
        chunk
            .iter()
            .fold(0_u32, |limb, byte| limb << 8 | u32::from(*byte))
    }));
    limbs
}

/// Shifts left by one, takes `bit` in, gives back what went over.
fn double(limbs: &mut [u32], bit: u32) -> u32 {
    limbs.iter_mut().fold(bit, |carry, limb| {
        let over = *limb >> 31;
        *limb = *limb << 1 | carry;
        over
    })
}

/// `out` becomes `a - b`; gives back 1 when that is below zero.
fn subtract(a: &[u32], b: &[u32], out: &mut [u32]) -> u32 {
    let pairs = a.iter().zip(b).zip(out);
    let borrow = pairs.fold(0_u64, |borrow, ((a, b), out)| {
        let difference = u64::from(*a).wrapping_sub(u64::from(*b) + borrow);
        // The low half; the top bit tells that it went below zero.
        *out = (difference & u64::from(u32::MAX)) as u32;
        difference >> 63
    });
    u32::from(borrow != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_remainder(number: u128, modulus in 1_u128..) {
            let rest = remainder(&number.to_be_bytes(), &modulus.to_be_bytes());
            assert_eq!(rest[..], (number % modulus).to_be_bytes());
        }

        #[test]
        fn small_moduli_too(number: u128, modulus in 1_u32..) {
            let rest = remainder(&number.to_be_bytes(), &modulus.to_be_bytes());
            let right = u32::try_from(number % u128::from(modulus)).unwrap();
            assert_eq!(rest[..], right.to_be_bytes());
        }
    }
}
