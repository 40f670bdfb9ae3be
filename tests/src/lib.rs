//! What the black-box tests share: a running wharf, scratch folders, raw dialogues.
