//! An object in another repository: the same bytes, cut at the same places, under other names.

use super::writer::store_list;
use super::{ObjectId, ObjectReader, ObjectWriter, Part, list};
use crate::compression::Compression;
use crate::content::Contents;
use crate::{Error, Result, Writer};

/// Copies an object without a prefix; its name there.
pub fn copy(
    from: &dyn Contents,
    id: ObjectId,
    to: &Writer,
    compression: Option<Compression>,
) -> Result<ObjectId> {
    if id.is_compressed() {
        let mut object = ObjectWriter::new(to, None, compression)?;
        let copied = std::io::copy(&mut ObjectReader::open(from, id)?, &mut object);
        copied.map_err(|error| Error::from_io(id, error))?;
        return object.finish();
    }
    let Some(list) = id.list() else {
        return Ok(ObjectId::direct(to.put(None, &from.content(id.content())?, compression)?));
    };
    let parts = list::read(&id, ObjectReader::open(from, list)?)?.into_iter();
    let parts = parts.map(|part| Ok(Part { object: copy(from, part.object, to, compression)?, ..part }));
    store_list(to, None, &parts.collect::<Result<Vec<_>>>()?, None)
}
