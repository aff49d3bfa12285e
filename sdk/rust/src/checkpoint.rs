//! Checkpoints as JSON of a type of yours.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::types::Failure;

/// The bytes of a checkpoint.
#[expect(
    clippy::missing_panics_doc,
    reason = "only a map with keys that are no text fails, which is a mistake in the plugin's type"
)]
pub fn encode<T: Serialize>(checkpoint: &T) -> Vec<u8> {
    serde_json::to_vec(checkpoint).expect("a checkpoint is plain data with text keys")
}

/// A checkpoint of ours; none gives the type's beginning. One that we cannot read (an older plugin wrote it) is
/// [`Failure::CheckpointExpired`]: the host starts again from none.
pub fn decode<T: DeserializeOwned + Default>(bytes: Option<&[u8]>) -> Result<T, Failure> {
    match bytes {
        None => Ok(T::default()),
        Some(bytes) => serde_json::from_slice(bytes).map_err(|_| Failure::CheckpointExpired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Position {
        after: u64,
    }

    #[test]
    fn what_goes_out_comes_back() {
        let position = Position { after: 7 };
        assert_eq!(decode::<Position>(Some(&encode(&position))), Ok(position));
        assert_eq!(decode::<Position>(None), Ok(Position { after: 0 }));
        assert_eq!(decode::<Position>(Some(b"{\"before\":1}")), Err(Failure::CheckpointExpired));
    }
}
