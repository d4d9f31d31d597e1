//! Columns and maps of millions of entries that never stop the machine.
//!
//! A [`Column`] grows chunk by chunk and a [`PieceMap`] in 4,096 small maps, so no growth moves more than one piece.
//! Every piece is shared copy-on-write: cloning either is cheap, and the clone is the frozen view that another thread
//! writes a snapshot from. Neither can be iterated in an order that differs from run to run.

pub mod packed;

use hashbrown::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// Entries in one chunk of a column.
pub const CHUNK_LEN: usize = 4_096;
const CHUNK_BITS: u32 = CHUNK_LEN.trailing_zeros();
const CHUNK_MASK: usize = CHUNK_LEN.saturating_sub(1);
const PIECES: usize = 4_096;

/// A vector in chunks, each shared copy-on-write.
#[derive(Clone, Debug)]
pub struct Column<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone + PartialEq> PartialEq for Column<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Clone> Column<T> {
    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The entry at a place.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index >> CHUNK_BITS)?.get(index & CHUNK_MASK)
    }
    /// The entry at a place, to change it. Copies its chunk first when a frozen view still shares it.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(index >> CHUNK_BITS)?).get_mut(index & CHUNK_MASK)
    }
    /// Adds an entry at the end and returns its place.
    pub fn push(&mut self, entry: T) -> usize {
        let index = self.len;
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK_LEN => Arc::make_mut(last).push(entry),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK_LEN);
                chunk.push(entry);
                self.chunks.push(Arc::new(chunk));
            }
        }
        self.len = self.len.saturating_add(1);
        index
    }
    /// Every entry in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }
    /// The chunks in order, all full but the last.
    #[must_use]
    pub fn chunks(&self) -> &[Arc<Vec<T>>] {
        &self.chunks
    }
    /// A column of chunks that were read back; `None` unless all but the last are full.
    #[must_use]
    pub fn from_chunks(chunks: Vec<Vec<T>>) -> Option<Self> {
        let whole = chunks.len().saturating_sub(1);
        if chunks.iter().take(whole).any(|chunk| chunk.len() != CHUNK_LEN)
            || chunks.last().is_some_and(|chunk| chunk.is_empty() || chunk.len() > CHUNK_LEN)
        {
            return None;
        }
        let len = chunks.iter().map(Vec::len).sum();
        Some(Column { chunks: chunks.into_iter().map(Arc::new).collect(), len })
    }
    /// The entries from a place to the end of its chunk.
    #[must_use]
    pub fn rest_of_chunk(&self, index: usize) -> &[T] {
        self.chunks.get(index >> CHUNK_BITS).and_then(|chunk| chunk.get(index & CHUNK_MASK..)).unwrap_or(&[])
    }
    /// The entries of one chunk, to change them. Copies the chunk first when a frozen view still shares it.
    pub fn chunk_mut(&mut self, chunk: usize) -> &mut [T] {
        self.chunks.get_mut(chunk).map_or(&mut [], |chunk| Arc::make_mut(chunk).as_mut_slice())
    }
    /// The column for a pass that touches entries at random: whether a frozen view shares a chunk is asked once a chunk,
    /// because asking at every entry would cost more than the work.
    pub fn thaw(&mut self) -> Thawed<'_, T> {
        Thawed { chunks: self.chunks.iter_mut().map(Thawing::Untouched).collect() }
    }
}

/// A chunk in a pass.
enum Thawing<'a, T> {
    /// Perhaps shared.
    Untouched(&'a mut Arc<Vec<T>>),
    /// Surely not shared.
    Open(&'a mut [T]),
}

/// A column in a pass. A chunk is copied away from frozen views at the first change in it; the others stay shared.
pub struct Thawed<'a, T> {
    chunks: Vec<Thawing<'a, T>>,
}

impl<T: Clone> Thawed<'_, T> {
    /// The entry at a place, to change it.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let chunk = self.chunks.get_mut(index >> CHUNK_BITS)?;
        if let Thawing::Untouched(_) = chunk {
            Self::open(chunk);
        }
        match chunk {
            Thawing::Open(entries) => entries.get_mut(index & CHUNK_MASK),
            Thawing::Untouched(_) => None,
        }
    }
    #[cold]
    fn open(chunk: &mut Thawing<'_, T>) {
        if let Thawing::Untouched(shared) = std::mem::replace(chunk, Thawing::Open(&mut [])) {
            *chunk = Thawing::Open(Arc::make_mut(shared).as_mut_slice());
        }
    }
}

/// The keys are already uniform hashes, so eight of their bytes are the hash.
#[derive(Clone, Copy, Debug, Default)]
struct AlreadyHashed;
#[derive(Default)]
struct FirstBytes(u64);

impl BuildHasher for AlreadyHashed {
    type Hasher = FirstBytes;
    fn build_hasher(&self) -> FirstBytes {
        FirstBytes(0)
    }
}

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
    fn write_usize(&mut self, _length: usize) {}
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A map from 16-byte hashes, in pieces.
#[derive(Clone, Debug)]
pub struct PieceMap<V> {
    pieces: Vec<Arc<HashMap<[u8; 16], V, AlreadyHashed>>>,
    len: usize,
}

impl<V> Default for PieceMap<V> {
    fn default() -> Self {
        PieceMap { pieces: Vec::new(), len: 0 }
    }
}

impl<V: Copy + PartialEq> PartialEq for PieceMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
            && self.pieces.len() == other.pieces.len()
            && self.pieces.iter().zip(&other.pieces).all(|(own, other)| Arc::ptr_eq(own, other) || own == other)
    }
}

impl<V: Copy> PieceMap<V> {
    fn piece_of(key: &[u8; 16]) -> usize {
        // The last two bytes choose the piece, the first eight the place in it.
        usize::from(u16::from_le_bytes([key[14], key[15]])) & PIECES.saturating_sub(1)
    }
    /// Entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The value of a key.
    #[must_use]
    #[inline]
    pub fn get(&self, key: &[u8; 16]) -> Option<V> {
        self.pieces.get(Self::piece_of(key))?.get(key).copied()
    }
    /// Sets the value of a key; says what stood there.
    pub fn insert(&mut self, key: [u8; 16], value: V) -> Option<V> {
        if self.pieces.is_empty() {
            self.pieces = (0..PIECES).map(|_| Arc::default()).collect();
        }
        let before = self.pieces.get_mut(Self::piece_of(&key)).and_then(|piece| Arc::make_mut(piece).insert(key, value));
        if before.is_none() {
            self.len = self.len.saturating_add(1);
        }
        before
    }
    /// How many pieces [`PieceMap::sorted_piece`] can be asked for.
    #[must_use]
    pub fn piece_count(&self) -> usize {
        self.pieces.len()
    }
    /// The entries of one piece, by key: the only way to see all of a map, in one order everywhere.
    #[must_use]
    pub fn sorted_piece(&self, piece: usize) -> Vec<([u8; 16], V)> {
        let mut entries: Vec<_> =
            self.pieces.get(piece).map(|map| map.iter().map(|(key, value)| (*key, *value)).collect()).unwrap_or_default();
        entries.sort_unstable_by_key(|entry| entry.0);
        entries
    }
    /// Bytes this map holds, spare room included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.allocation_size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_view_does_not_see_later_changes() {
        let mut column = Column::default();
        for number in 0..(CHUNK_LEN * 2 + 5) {
            assert_eq!(column.push(number), number);
        }
        let frozen = column.clone();
        *column.get_mut(CHUNK_LEN).unwrap() = 7;
        *column.thaw().get_mut(1).unwrap() = 9;
        assert_eq!((frozen.get(CHUNK_LEN), frozen.get(1)), (Some(&CHUNK_LEN), Some(&1)));
        assert_eq!((column.get(CHUNK_LEN), column.get(1)), (Some(&7), Some(&9)));
        assert_eq!(column.get(CHUNK_LEN * 2 + 5), None);
        let shared = || column.chunks().iter().zip(frozen.chunks()).map(|(own, other)| Arc::ptr_eq(own, other));
        assert_eq!(shared().collect::<Vec<_>>(), [false, false, true], "a chunk that nothing changed is not copied");
        assert_eq!((column.rest_of_chunk(CHUNK_LEN * 2 + 3).len(), column.rest_of_chunk(CHUNK_LEN * 3).len()), (2, 0));
        let chunks: Vec<_> = column.chunks().iter().map(|chunk| chunk.to_vec()).collect();
        assert!(Column::from_chunks(chunks.clone()) == Some(column));
        assert!(Column::from_chunks(vec![vec![1], vec![2]]).is_none());
    }

    #[test]
    fn a_map_finds_what_was_put_in_and_lists_it_in_order() {
        let mut map = PieceMap::default();
        let key = |number: u64| *blake3::hash(&number.to_le_bytes()).as_bytes().first_chunk::<16>().unwrap();
        for number in 0..50_000 {
            assert_eq!(map.insert(key(number), number), None);
        }
        let frozen = map.clone();
        assert_eq!(map.insert(key(3), 4), Some(3));
        assert_eq!((map.get(&key(3)), frozen.get(&key(3)), map.get(&key(50_000))), (Some(4), Some(3), None));
        let listed: usize = (0..map.piece_count()).map(|piece| map.sorted_piece(piece).len()).sum();
        assert_eq!((listed, map.len()), (50_000, 50_000));
    }
}
