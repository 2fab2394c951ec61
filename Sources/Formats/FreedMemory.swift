import CSamples

/// Makes the process keep some of the memory it frees, where the C library is glibc.
///
/// A page that is read becomes an array of its own, and by default the memory of large arrays goes back to the system
/// with each of them: to get it again, zeroed, costs as much as reading the page from the cache. One heap serves all
/// threads: arrays are few and large, and where every thread has a heap of its own, each keeps what it once needed. Call it
/// once, before other threads allocate. At most `kept` freed bytes stay resident: never more than were needed at one time.
public func keepFreedMemory(_ kept: Int32 = 512 << 20) { system_keep_freed_memory(32 << 20, kept, 1) }
