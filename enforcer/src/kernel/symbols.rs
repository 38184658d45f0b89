//! Names of kernel addresses, for the stacks in events.

/// Kernel functions by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// Sorted by address.
    functions: Vec<(u64, String)>,
}

/// What an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// The function; of a module, its name stands behind it in brackets.
    pub name: &'a str,
    /// Bytes from the start of the function.
    pub offset: u64,
}

impl Symbols {
    /// Reads `/proc/kallsyms`: `address type name [module]` per line; text symbols only. Addresses that the kernel hides are 0
    /// and left out.
    #[must_use]
    pub fn from_kallsyms(text: &str) -> Self {
        let mut functions: Vec<(u64, String)> = text
            .lines()
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let address = u64::from_str_radix(words.next()?, 16).ok().filter(|address| *address != 0)?;
                let (Some("t" | "T" | "w" | "W"), Some(name)) = (words.next(), words.next()) else {
                    return None;
                };
                let module = words.next().map(|module| format!(" {module}")).unwrap_or_default();
                Some((address, format!("{name}{module}")))
            })
            .collect();
        functions.sort();
        Self { functions }
    }

    /// The running kernel's.
    ///
    /// # Errors
    /// When `/proc/kallsyms` cannot be read.
    pub fn of_running_kernel() -> std::io::Result<Self> {
        std::fs::read_to_string("/proc/kallsyms").map(|text| Self::from_kallsyms(&text))
    }

    /// Where the functions of a name begin, those of modules among them; most names have one.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u64> + 'a {
        let named = move |known: &str| {
            known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
        };
        self.functions.iter().filter(move |(_, known)| named(known)).map(|(address, _)| *address)
    }

    /// The function at or before an address.
    #[must_use]
    pub fn at(&self, address: u64) -> Option<Symbol<'_>> {
        let behind = self.functions.partition_point(|(start, _)| *start <= address);
        let (start, name) = self.functions.get(behind.checked_sub(1)?)?;
        Some(Symbol { name, offset: address - start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KALLSYMS: &str = "ffffffff81000090 t late\t[ext4]\nffffffff81000010 T early\nffffffff81000050 D data\n\
                            0000000000000000 T hidden\nnonsense\n";

    #[test]
    fn an_address_belongs_to_the_function_before_it() {
        let symbols = Symbols::from_kallsyms(KALLSYMS);
        assert_eq!(symbols.at(0xffff_ffff_8100_0010), Some(Symbol { name: "early", offset: 0 }));
        assert_eq!(symbols.at(0xffff_ffff_8100_0060), Some(Symbol { name: "early", offset: 0x50 }));
        assert_eq!(symbols.at(0xffff_ffff_8100_0091), Some(Symbol { name: "late [ext4]", offset: 1 }));
    }

    #[test]
    fn a_function_is_found_by_its_whole_name_also_in_a_module() {
        let symbols = Symbols::from_kallsyms(KALLSYMS);
        assert_eq!(symbols.addresses("late").collect::<Vec<_>>(), [0xffff_ffff_8100_0090]);
        assert_eq!(symbols.addresses("ear").count(), 0);
    }

    #[test]
    fn an_address_before_every_function_has_no_name_and_hidden_addresses_give_none() {
        assert_eq!(Symbols::from_kallsyms(KALLSYMS).at(16), None);
        assert_eq!(Symbols::from_kallsyms("0000000000000000 T hidden\n").at(u64::MAX), None);
    }
}
