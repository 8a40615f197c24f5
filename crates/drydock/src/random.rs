//! Unguessable and unique texts: tokens, unique ids, the suffixes of generated names.

use crate::ServerError;

/// Random bytes from the operating system, through the TLS library's source.
fn fill(bytes: &mut [u8]) -> Result<(), ServerError> {
    rustls::crypto::ring::default_provider().secure_random.fill(bytes).map_err(|_| ServerError::Random)
}

/// A secret of 192 bits, in hexadecimal.
pub(crate) fn secret() -> Result<String, ServerError> {
    let mut bytes = [0_u8; 24];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A unique id in the form of a UUID, version 4.
pub(crate) fn unique_id() -> Result<String, ServerError> {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes)?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

/// Five characters without vowels, as Kubernetes ends generated names.
pub(crate) fn suffix() -> Result<String, ServerError> {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bytes = [0_u8; 5];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_have_the_form_of_a_uuid() {
        let id = unique_id().unwrap();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert_ne!(id, unique_id().unwrap());
    }
}
