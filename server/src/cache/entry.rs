//! A value as bytes: what leaves the process. Whatever does not decode is simply not there.
//!
//! Layout, numbers little-endian: format (1), flags (1), CRC-32 of the payload (4), microseconds it
//! took to derive (8), milliseconds since 1970 when it expires (8), the key's hash (32), payload.
//! The payload is MessagePack with named fields, Deflate-compressed from [`COMPRESS_MIN_BYTES`] on.

use super::{Key, micros};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};

const FORMAT: u8 = 1;
const COMPRESSED: u8 = 1;
const HEADER_BYTES: usize = 54;
/// Below it a compressed value is hardly smaller.
const COMPRESS_MIN_BYTES: usize = 1_024;
/// Largest value that is kept; a year of days has 60 KB, the text of a long document 5 MB.
const VALUE_MAX_BYTES: usize = 16 * 1_024 * 1_024;

/// A value ready to be sent.
pub struct Entry {
    pub bytes: Vec<u8>,
    /// Of the payload before it was compressed.
    pub raw_bytes: usize,
}

/// Bytes of a value in its plain form; what has none takes as much as the largest.
pub fn size<T: Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match rmp_serde::encode::write_named(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => VALUE_MAX_BYTES,
    }
}

/// A value that came back.
pub struct Decoded<T> {
    pub value: T,
    /// Of the payload without compression.
    pub raw_bytes: usize,
    pub compute: Duration,
    /// What is left of its time.
    pub ttl: Duration,
}

impl Entry {
    /// `None` when the value has no such form, or is too large to be worth keeping.
    pub fn encode<T: Serialize>(
        value: &T,
        key: &Key,
        compute: Duration,
        now_ms: i64,
        ttl: Duration,
    ) -> Option<Self> {
        let raw = rmp_serde::to_vec_named(value).ok()?;
        let raw_bytes = raw.len();
        if raw_bytes > VALUE_MAX_BYTES {
            return None;
        }
        let (flags, payload) = if raw_bytes >= COMPRESS_MIN_BYTES {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&raw).ok()?;
            (COMPRESSED, encoder.finish().ok()?)
        } else {
            (0, raw)
        };
        let expires_ms = now_ms.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend([FORMAT, flags]);
        bytes.extend(crc32fast::hash(&payload).to_le_bytes());
        bytes.extend(micros(compute).to_le_bytes());
        bytes.extend(expires_ms.to_le_bytes());
        bytes.extend(key.check());
        bytes.extend(payload);
        Some(Self { bytes, raw_bytes })
    }

    /// `None` for anything that is not a value of this key, whole, of this type, and not expired.
    pub fn decode<T: DeserializeOwned>(bytes: &[u8], key: &Key, now_ms: i64) -> Option<Decoded<T>> {
        let (header, payload) = bytes.split_at_checked(HEADER_BYTES)?;
        let (start, check) = header.split_at_checked(22)?;
        let flags = *start.get(1)?;
        let crc = u32::from_le_bytes(start.get(2..6)?.try_into().ok()?);
        let compute_us = u64::from_le_bytes(start.get(6..14)?.try_into().ok()?);
        let expires_ms = i64::from_le_bytes(start.get(14..22)?.try_into().ok()?);
        let left_ms = u64::try_from(expires_ms.checked_sub(now_ms)?).ok()?;
        let is_whole = start.first() == Some(&FORMAT) && crc32fast::hash(payload) == crc;
        if !is_whole || check != key.check() || left_ms == 0 {
            return None;
        }
        let (value, raw_bytes) = if flags & COMPRESSED == 0 {
            (rmp_serde::from_slice(payload).ok()?, payload.len())
        } else {
            let mut raw = Vec::new();
            // A limit, for what came over a network may be anything.
            let most = u64::try_from(VALUE_MAX_BYTES).ok()? + 1;
            DeflateDecoder::new(payload)
                .take(most)
                .read_to_end(&mut raw)
                .ok()?;
            if raw.len() > VALUE_MAX_BYTES {
                return None;
            }
            (rmp_serde::from_slice(&raw).ok()?, raw.len())
        };
        Some(Decoded {
            value,
            raw_bytes,
            compute: Duration::from_micros(compute_us),
            ttl: Duration::from_millis(left_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cache::Namespace, store::generations::Generation};
    use app::model::id::UserId;
    use proptest::prelude::*;

    const NOW: i64 = 1_000_000;
    const TTL: Duration = Duration::from_secs(60);

    fn key(what: &str) -> Key {
        let user = UserId::new(uuid::Uuid::nil());
        Key::new(
            Namespace::Rag,
            ["test", "text"],
            1,
            user,
            Generation::of(7),
            &[what],
        )
    }

    fn encoded<T: Serialize>(value: &T, key: &Key) -> Entry {
        Entry::encode(value, key, Duration::from_millis(3), NOW, TTL).unwrap()
    }

    #[test]
    fn what_was_kept_comes_back_with_its_cost_and_what_is_left_of_its_time() {
        let long = "word ".repeat(2_000);
        let entry = encoded(&long, &key("a"));
        assert!(entry.bytes.len() < entry.raw_bytes / 4);
        let back = Entry::decode::<String>(&entry.bytes, &key("a"), NOW + 20_000).unwrap();
        assert_eq!((back.value, back.raw_bytes), (long, entry.raw_bytes));
        assert_eq!(back.compute, Duration::from_millis(3));
        assert_eq!(back.ttl, Duration::from_secs(40));
    }

    #[test]
    fn another_keys_value_an_expired_one_and_one_of_another_shape_are_not_there() {
        #[derive(Serialize)]
        struct Old {
            title: String,
        }
        #[derive(Debug, serde::Deserialize)]
        struct New {
            #[allow(dead_code)]
            title: String,
            #[allow(dead_code)]
            pages: u32,
        }
        let old = Old {
            title: "Heart".into(),
        };
        let bytes = encoded(&old, &key("a")).bytes;
        assert!(Entry::decode::<New>(&bytes, &key("a"), NOW).is_none());
        let bytes = encoded(&"text", &key("a")).bytes;
        assert!(Entry::decode::<String>(&bytes, &key("b"), NOW).is_none());
        assert!(Entry::decode::<String>(&bytes, &key("a"), NOW + 60_000).is_none());
        assert!(Entry::decode::<String>(&bytes, &key("a"), NOW).is_some());
    }

    proptest! {
        #[test]
        fn a_damaged_value_is_not_there(at in 0_usize..400, bit in 0_u8..8, cut in 0_usize..400) {
            let value = vec!["pressure".to_owned(); 30];
            let mut bytes = encoded(&value, &key("a")).bytes;
            let cut = cut.min(bytes.len() - 1);
            prop_assert!(Entry::decode::<Vec<String>>(&bytes[..cut], &key("a"), NOW).is_none());
            // The cost may say anything; nothing else may.
            let at = at.min(bytes.len() - 1);
            if !(6..22).contains(&at) && at != 1 {
                bytes[at] ^= 1 << bit;
                prop_assert!(Entry::decode::<Vec<String>>(&bytes, &key("a"), NOW).is_none());
            }
        }
    }
}
