//! Finds a secret in whatever a program wrote, however it was written down.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

/// Something that nobody may read anywhere.
pub(crate) struct Secret {
    pub(crate) name: &'static str,
    forms: Vec<Vec<u8>>,
}

impl Secret {
    /// A secret of 32 bytes. Either half of it is a leak.
    pub(crate) fn bytes(name: &'static str, secret: &[u8; 32]) -> Self {
        let forms = secret.chunks(16).flat_map(forms).collect();
        Self { name, forms }
    }

    /// A secret that is text.
    pub(crate) fn text(name: &'static str, secret: &str) -> Self {
        let forms =
            forms(secret.as_bytes()).chain([secret.escape_debug().to_string().into_bytes()]);
        Self { name, forms: forms.collect() }
    }

    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.forms.iter().any(|form| text.windows(form.len()).any(|window| window == form))
    }
}

/// The ways in which programs write bytes down.
fn forms(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let list = |between: &str, write: &dyn Fn(&u8) -> String| {
        bytes.iter().map(write).collect::<Vec<_>>().join(between)
    };
    let decimal = |byte: &u8| byte.to_string();
    let lists = [
        list(", ", &decimal),
        list(",", &decimal),
        // One a line, as `{:#?}` prints, whatever the indentation: see `squeezed`.
        list(",\n", &decimal),
        list(", ", &|byte| format!("{byte:02x}")),
        list(", ", &|byte| format!("{byte:#04x}")),
        list(" ", &|byte| format!("{byte:02x}")),
        bytes.escape_ascii().to_string(),
    ];
    let base32 = (0..5).map(|offset| inside(&BASE32_NOPAD, 5, offset, bytes));
    let lower = base32.clone().map(|text| text.to_ascii_lowercase()).collect::<Vec<_>>();
    let base64 = [&BASE64_NOPAD, &BASE64URL_NOPAD];
    let base64 = base64
        .into_iter()
        .flat_map(|encoding| (0..3).map(move |offset| inside(encoding, 6, offset, bytes)));
    let hexadecimal = [HEXLOWER.encode(bytes), HEXUPPER.encode(bytes)];
    let texts = lists.into_iter().chain(base32).chain(lower).chain(base64).chain(hexadecimal);
    let forms: Vec<_> = texts.map(String::into_bytes).chain([bytes.to_vec()]).collect();
    forms.into_iter()
}

/// How bytes look in an encoding when `offset` others stand in front of them, as far as that does not depend on the
/// others.
fn inside(encoding: &Encoding, bits: usize, offset: usize, bytes: &[u8]) -> String {
    let whole = [&vec![0; offset], bytes].concat();
    let text = encoding.encode(&whole);
    let (first, last) = ((offset * 8).div_ceil(bits), whole.len() * 8 / bits);
    text[first..last].to_owned()
}

/// The text without the indentation that `{:#?}` puts before each line.
pub(crate) fn squeezed(text: &str) -> String {
    text.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// A scanner that finds nothing proves nothing.
#[test]
fn a_secret_is_found_however_it_is_written_down() {
    let bytes: [u8; 32] = std::array::from_fn(|at| (at * 37 + 11) as u8);
    let secret = Secret::bytes("a key", &bytes);
    let with =
        |encoding: &Encoding, before: &[u8]| encoding.encode(&[before, &bytes, b"zz"].concat());
    let mut written = vec![
        format!("{bytes:?}"),
        squeezed(&format!("{bytes:#?}")),
        format!("{:?}", Some((1, bytes))),
        format!("{bytes:02x?}"),
        serde_json::to_string(&bytes).unwrap(),
        format!("{:?}", bytes::Bytes::copy_from_slice(&bytes)),
        HEXLOWER.encode(&bytes),
        HEXUPPER.encode(&bytes[16..]),
    ];
    for before in ["", "a", "ab", "abc", "abcd"] {
        written.push(with(&BASE32_NOPAD, before.as_bytes()));
        written.push(with(&BASE32_NOPAD, before.as_bytes()).to_ascii_lowercase());
        written.push(with(&BASE64_NOPAD, before.as_bytes()));
        written.push(with(&BASE64URL_NOPAD, before.as_bytes()));
    }
    for text in &written {
        assert!(secret.is_in(format!("a log: {text} and more").as_bytes()), "{text}");
    }
    assert!(secret.is_in(&[b"raw ", &bytes[..]].concat()));

    let other: [u8; 32] = std::array::from_fn(|at| (at * 41 + 3) as u8);
    assert!(!secret.is_in(format!("{other:?} {}", HEXLOWER.encode(&other)).as_bytes()));
    let phrase = Secret::text("a passphrase", "correct \"horse\"");
    assert!(phrase.is_in(b"the passphrase is correct \"horse\"!"));
    assert!(phrase.is_in(format!("{:?}", "correct \"horse\"").as_bytes()));
    assert!(!phrase.is_in(b"correct horses"));
}
