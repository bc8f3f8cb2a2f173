//! Enums that are spelled as fixed words in documents.

/// Declares an enum whose variants are words of a document: `ALL`, `as_str`, `parse` and `Display` come with
/// it, so that a word is written in exactly one place.
///
/// ```
/// aegis_core::closed_set! {
///     /// Two sides.
///     Side {
///         /// The first.
///         Left = "left",
///         /// The second.
///         Right = "right",
///     }
/// }
/// assert_eq!(Side::parse("right"), Some(Side::Right));
/// assert_eq!(Side::parse("Right"), None);
/// assert_eq!(Side::ALL.iter().map(Side::to_string).collect::<Vec<_>>(), ["left", "right"]);
/// ```
#[macro_export]
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every member of the set, in rising order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as documents spell it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            /// The member spelled exactly `word`.
            pub fn parse(word: &str) -> Option<$name> {
                match word {
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
