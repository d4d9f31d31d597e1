//! What should not be asked: by whom nobody knows, of what is not there, against itself.

use crate::dice::Dice;
use crate::workload::Workload;
use usance_core::calendar::Timestamp;
use usance_core::id::PositionId;
use usance_core::machine::Command;
use usance_core::machine::verb::WalletMove;
use usance_core::product::Status;
use usance_core::reward::clawback::AccountKind::{Funding, Spot};

/// Further than the clock may be moved at once.
const TOO_FAR_MS: i64 = 3_661 * crate::clock::DAY_MS;

impl Workload<'_> {
    /// What should not be asked.
    pub(crate) fn stray(&self, dice: &mut Dice<'_>) -> Command {
        let (known, first) = (self.cast.customers[0].as_str(), self.cast.assets[0].0);
        let customer = dice.one_of(&["nobody", known]).to_owned();
        let asset = if customer == known { "GONE" } else { first }.to_owned();
        let (now, amount) = (self.situation.now(), "1".to_owned());
        match dice.below(11) {
            6 => {
                let (symbol, decimals) = dice.one_of(&self.cast.assets);
                Command::CreateAsset { symbol: symbol.to_owned(), name: symbol.to_owned(), decimals, display_decimals: 2 }
            }
            7 => Command::ConfirmClock { clock: now },
            10 => {
                // More than any total may be, together with what is there.
                let (symbol, decimals) = dice.one_of(&self.cast.assets);
                let (customer, amount) = (known.to_owned(), format!("1e{}", 28 - decimals));
                let reference = format!("enormous-{}", dice.byte());
                Command::Deposit(WalletMove { customer, asset: symbol.to_owned(), account: Spot, amount, reference })
            }
            8 | 9 => Command::CreateProduct(Box::new(self.contradiction(dice))),
            0 => Command::Deposit(WalletMove { customer, asset, account: Spot, amount, reference: "wild".to_owned() }),
            1 => Command::Transfer { customer, asset, from: Spot, to: Funding, amount },
            2 => Command::FundRewardPool { asset: "GONE".to_owned(), amount },
            3 => Command::MoveClock { to: Timestamp::from_ms(now.ms() + TOO_FAR_MS) },
            4 => Command::SetAutoRenew { customer, position: Some(PositionId(1)), auto_renew: true },
            _ => {
                let product = self.cast.bare().map_or("nothing", |bare| bare.id);
                Command::SetProductStatus { product: product.to_owned(), status: Status::Open }
            }
        }
    }
}
