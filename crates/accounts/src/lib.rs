//! Who may enter and what they may do: accounts, permissions, keys
