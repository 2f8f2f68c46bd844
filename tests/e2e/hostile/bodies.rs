//! Compressed bodies, packed by hand: what the tests need of gzip (RFC 1952) and deflate (RFC 1951).

const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// `body` as gzip that compresses nothing.
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = HEAD.to_vec();
    let mut chunks = body.chunks(0xffff).peekable();
    while let Some(chunk) = chunks.next() {
        let length = chunk.len() as u16;
        packed.push(u8::from(chunks.peek().is_none()));
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&(!length).to_le_bytes());
        packed.extend_from_slice(chunk);
    }
    packed.extend_from_slice(&crc32(body).to_le_bytes());
    packed.extend_from_slice(&(body.len() as u32).to_le_bytes());
    packed
}

/// The same with a checksum that is not the body's.
pub(crate) fn wrong_sum(body: &[u8]) -> Vec<u8> {
    let mut packed = gzip(body);
    let sum = packed.len() - 8;
    packed[sum] ^= 0xff;
    packed
}

/// Gzip of about `bytes` zeros: one literal, and over and over "258 bytes, as the last one", 13 bits each.
pub(crate) fn bomb(bytes: usize) -> Vec<u8> {
    let mut bits = Bits { packed: HEAD.to_vec(), count: 0 };
    // The last block, with the fixed codes; then the literal 0.
    bits.push(0b011, 3);
    bits.push_code(0b0011_0000, 8);
    for _ in 0..bytes / 258 {
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
    }
    bits.push_code(0, 7);
    // Whoever unpacks as far as the checksum has lost already.
    bits.packed.extend_from_slice(&[0; 8]);
    bits.packed
}

struct Bits {
    packed: Vec<u8>,
    /// In the last byte; 0 if there is none.
    count: u32,
}

impl Bits {
    /// The lowest bit first.
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.count == 0 {
                self.packed.push(0);
            }
            let last = self.packed.last_mut().unwrap();
            *last |= ((value >> bit & 1) as u8) << self.count;
            self.count = (self.count + 1) % 8;
        }
    }

    /// Codes go the other way round.
    fn push_code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}
