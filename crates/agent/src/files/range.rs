/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// `length` bytes from `start` on.
    Part {
        start: u64,
        length: u64,
    },
    /// Nothing that the file has.
    Beyond,
}

/// Reads a `Range` header against the size of a file. As RFC 9110 has it, one that is not understood asks for all;
/// several ranges at once are among these.
pub(super) fn wanted(range: &str, size: u64) -> Wanted {
    let Some((start, end)) = range.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Wanted::All;
    };
    match (number(start), number(end)) {
        (Some(start), Some(end)) if start > end => Wanted::All,
        (Some(start), end) if end.is_some() || end_is_open(range) => part(start, end.unwrap_or(u64::MAX), size),
        (None, Some(count)) if start.trim().is_empty() => {
            if count == 0 {
                return Wanted::Beyond;
            }
            part(size.saturating_sub(count), u64::MAX, size)
        }
        _ => Wanted::All,
    }
}

fn end_is_open(range: &str) -> bool {
    range.trim_end().ends_with('-')
}

fn part(start: u64, last: u64, size: u64) -> Wanted {
    if start >= size {
        return Wanted::Beyond;
    }
    Wanted::Part { start, length: last.min(size - 1) - start + 1 }
}

/// A number of digits alone; one that is too large is as large as can be.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file() {
        assert_eq!(wanted("bytes=0-4", 10), Wanted::Part { start: 0, length: 5 });
        assert_eq!(wanted("bytes=9-9", 10), Wanted::Part { start: 9, length: 1 });
        assert_eq!(wanted("bytes=5-99999999999999999999999", 10), Wanted::Part { start: 5, length: 5 });
        assert_eq!(wanted("bytes=5-", 10), Wanted::Part { start: 5, length: 5 });
        assert_eq!(wanted("bytes=-3", 10), Wanted::Part { start: 7, length: 3 });
        assert_eq!(wanted("bytes=-30", 10), Wanted::Part { start: 0, length: 10 });
    }

    #[test]
    fn a_range_beyond_the_file_has_nothing() {
        for (range, size) in
            [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)]
        {
            assert_eq!(wanted(range, size), Wanted::Beyond, "{range} of {size}");
        }
    }

    #[test]
    fn what_is_no_single_range_asks_for_all() {
        for range in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-a", "bytes=4-2", "lines=1-2", "bytes=0-1,3-4"]
        {
            assert_eq!(wanted(range, 10), Wanted::All, "{range}");
        }
    }
}
