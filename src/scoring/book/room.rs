//! Growing what a book keeps of every case.

/// How much memory some values take, with the room for further ones.
pub(super) fn bytes<T>(values: &Vec<T>) -> usize {
    values.capacity() * size_of::<T>()
}

/// Adds a value at the end. Where there is no room it is made for an eighth more and not for
/// as much again: a book is loaded once, and then stays about as large as it is.
pub(super) fn push<T>(values: &mut Vec<T>, value: T) {
    if values.len() == values.capacity() {
        values.reserve_exact(values.len() / 8 + 64);
    }
    values.push(value);
}
