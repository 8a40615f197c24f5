//! What a busy, slow or broken server answers.
