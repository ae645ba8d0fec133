//! Values in their binary form, written behind what is there already: nothing is copied twice, and no
//! room is cleared that is not written.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// What grows by what is written.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a value; `None` if it has no such form, and then a part of it may be there.
#[must_use]
pub(crate) fn append(value: &impl Serialize, to: &mut Vec<u8>) -> Option<()> {
    postcard::serialize_with_flavor(value, Append(to)).ok()
}
