//! Files that pages fetch. Their names carry a hash of their content, so they may be kept for ever.
