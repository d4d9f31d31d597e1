//! What a platform begins with: everything is on sale and everybody has some coins.

use crate::cast::{Cast, Entrance};
use crate::dice::Dice;
use crate::offering::agreement;
use usance_core::machine::Command;
use usance_core::machine::verb::{ProductText, WalletMove};
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

impl Cast {
    /// The first commands of a platform, the agreement before all others. None of them is refused.
    pub fn founding(&self, dice: &mut Dice<'_>) -> Vec<Command> {
        let mut commands = vec![agreement(1)];
        for (symbol, decimals) in &self.assets {
            let (symbol, name) = ((*symbol).to_owned(), (*symbol).to_owned());
            commands.push(Command::CreateAsset { symbol, name, decimals: *decimals, display_decimals: 4 });
        }
        commands.extend(self.customers.iter().map(|id| Command::CreateCustomer { id: id.clone() }));
        for outline in &self.products {
            match outline.entrance {
                Entrance::Open => {
                    commands.push(Command::CreateProduct(Box::new(self.product(dice, outline))));
                    commands.push(Command::SetProductStatus { product: outline.id.to_owned(), status: Status::Open });
                }
                Entrance::Bare => {
                    let bare = ProductText { rates: Vec::new(), ..self.product(dice, outline) };
                    commands.push(Command::CreateProduct(Box::new(bare)));
                }
                Entrance::Later => {}
            }
        }
        for customer in &self.customers {
            for (asset, _) in &self.assets {
                for (account, amount) in [(Funding, "100"), (Spot, "45.5")] {
                    let reference = format!("first-{customer}-{account:?}");
                    let (customer, asset, amount) = (customer.clone(), (*asset).to_owned(), amount.to_owned());
                    commands.push(Command::Deposit(WalletMove { customer, asset, account, amount, reference }));
                }
            }
        }
        commands
    }
}
