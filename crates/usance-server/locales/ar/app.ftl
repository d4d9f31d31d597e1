# What the customer's app says. One message a sentence; nothing is put together from pieces.

## Everywhere
skip-to-content = الانتقال إلى المحتوى
offline = أنت غير متصل بالإنترنت. قد يكون ما تراه قديمًا، ولا يُرسل أي شيء. ستتابع الصفحة التحديث عند عودة الاتصال.
trouble = لم تستجب الخدمة. قد يكون ما تراه قديمًا، وستعيد الصفحة المحاولة تلقائيًا.
nav-main = القائمة الرئيسية
nav-assets = الأصول
nav-products = المنتجات
nav-holdings = الحيازات
nav-history = السجل
nav-notices = الإشعارات
nav-settings = الإعدادات
clock-label = توقيت المنصة
estimate = تقديري
hidden = مخفي
on = مفعّل
off = غير مفعّل
all = الكل
show = عرض
save = حفظ
open = فتح
older = الأقدم
newest = العودة إلى الأحدث
print = طباعة
amount = المبلغ
coin = العملة
account = الحساب
product = المنتج
kind = النوع
day = اليوم
when = الوقت
from = من
to = إلى
available = المتاح
unlimited = بلا حد
max = الأقصى
review = مراجعة
confirm = تأكيد
account-spot = الحساب الفوري
account-funding = حساب التمويل
kind-flexible = مرن
kind-fixed_term = لأجل ثابت
kind-days = { $count ->
    [zero] { $count } يوم
    [one] يوم واحد
    [two] يومان
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}

## When something cannot be done
failure-title = لم تنجح العملية
failure-retry = لم يتغير أي شيء. حاول مرة أخرى بعد قليل.
failure-back = العودة إلى البداية
failure-code = رمز الخطأ
problem-other = رفضت الخدمة هذا الطلب ({ $code }).
problem-not_found = لا توجد صفحة كهذه.
problem-not_writer = هذه النسخة في وضع الاستعداد. أعد المحاولة بعد لحظات.
problem-method_not_allowed = لا يقبل هذا العنوان طلبًا من هذا النوع.
problem-unauthorized = سجّل الدخول أولًا.
problem-sign_in_failed = معرّف العميل أو كلمة المرور أو الرمز غير صحيح. يصلح كل رمز لمرة واحدة فقط: انتظر الرمز التالي.
problem-code_wrong = الرمز غير صحيح. كل رمز يُستخدم مرة واحدة: انتظر الرمز التالي.
problem-link_used = سبق استخدام هذا الرابط أو انتهت صلاحيته. اطلب رابطًا جديدًا.
problem-rate_limited = محاولات كثيرة جدًا. انتظر قليلًا ثم تابع.
problem-cross_site = أُرسل هذا النموذج من موقع آخر، ولذلك لم يُنفَّذ أي شيء.
problem-form_expired = لقد سجّلت الدخول من جديد بعد فتح هذه الصفحة. افتحها مرة أخرى ثم تابع.
problem-malformed_request = تعذّرت قراءة جزء من هذا الطلب. تحقق من التواريخ والحقول.
problem-customer_not_found = لا يوجد عميل كهذا.
problem-asset_not_found = لا توجد عملة كهذه.
problem-product_not_found = لا يوجد منتج كهذا.
problem-position_not_found = ليس لديك مركز كهذا.
problem-receipt_not_found = ليس لديك إيصال كهذا.
problem-agreement_not_found = لا توجد اتفاقية بهذا الإصدار.
problem-product_not_open = لا يقبل هذا المنتج اشتراكات حاليًا.
problem-outside_sale_window = لم يبدأ بيع هذا المنتج بعد أو أنه انتهى.
problem-agreement_not_accepted = تغيّرت الاتفاقية السارية. اقرأها وحدّد مربع الموافقة من جديد.
problem-position_closed = انتهى هذا المركز.
problem-early_redemption_not_allowed = لا يمكن الخروج من هذه المدة مبكرًا. تنتهي في { $matures_at }.
problem-partial_not_allowed = يُسترد المنتج ذو الأجل الثابت كاملًا: { $principal }.
problem-same_account = اختر حسابين مختلفين.
problem-amount_invalid = أدخل مبلغًا أكبر من الصفر بالأرقام، مثل 1.25، بعدد منازل عشرية لا يتجاوز منازل العملة.
problem-below_minimum = الحد الأدنى هو { $minimum }.
problem-not_a_step_multiple = يجب أن يكون المبلغ من مضاعفات { $step }.
problem-above_personal_maximum = المتبقي من حدك الأقصى الشخصي هو { $left }.
problem-above_capacity = لم يتبقَّ من هذا المنتج سوى { $left }.
problem-above_principal = رأس المال الأصلي في هذا المركز هو { $principal }.
problem-insufficient_balance = رصيدك المتاح هناك هو { $available }. اختر مبلغًا أصغر أو مصدرًا آخر.
problem-renewal_not_allowed = لا يمكن أن يتجدد هذا المركز تلقائيًا.
problem-above_limit = هذا المبلغ أكبر مما تستطيع المنصة استيعابه.
problem-too_many_positions = لديك أكبر عدد مسموح به من المراكز في وقت واحد. استرد أحدها أو انتظر حتى ينتهي أحدها.
problem-quote_changed = تغيّرت الأرقام منذ أن رأيتها: ستستلم الآن { $payout }. راجعها مرة أخرى ثم أكّد.
problem-figures_changed = تغيّر شيء منذ اطلاعك. لم يُنفَّذ شيء.
problem-idempotency_key_reused = سبق استخدام هذا النموذج لعملية أخرى. لم يُنفَّذ أي شيء؛ راجعه مرة أخرى ثم أكّد.
problem-idempotency_key_missing = بقيت هذه الصفحة مفتوحة طويلًا أو لم تكتمل. لم يُنفَّذ شيء؛ راجعها مجددًا ثم أكّد.
problem-overloaded = الخدمة مشغولة. لم يتغير أي شيء؛ حاول مرة أخرى بعد قليل.
problem-projection_behind = يجري تحديث سجلك. حاول مرة أخرى بعد قليل.
problem-engine_stopped = تجري إعادة تشغيل الخدمة. ما تم تأكيده محفوظ بأمان.
problem-clock_unconfirmed = الخدمة بانتظار المشغّل. لا يمكن تغيير أي شيء حتى ذلك الحين؛ أرصدتك في أمان.
problem-store_unreadable = تعذّر على الخدمة قراءة مخزن بياناتها. لم يتغير أي شيء؛ حاول مرة أخرى لاحقًا.

## Signing in
sign-in = تسجيل الدخول
sign-in-continue = متابعة
sign-in-link = أرسلتك منصتك إلى هنا باسم { $customer }. تابع إلى حساب التخزين.
sign-in-limited = محاولات كثيرة جدًا لدخول هذا الحساب، وربما كانت من شخص آخر. انتظر قليلًا، أو استخدم جهازًا سبق أن سجّلت الدخول منه، أو ادخل عبر رابط من منصتك.
sign-in-replaces = أنت مسجل الدخول باسم { $now }. المتابعة تُخرج { $now } وتُدخل { $customer }.
sign-out = تسجيل الخروج
customer-id = معرّف العميل
password = كلمة المرور
samples-title = عملاء نموذجيون
samples-explain = هذه نسخة تجريبية. ادخل بصفة أحد عملائها دون الحاجة إلى كلمة مرور.
samples-enter = الدخول باسم { $customer }
samples-next-day = عرض تجريبي: أنهِ هذا اليوم

## Assets
hide-balances = إخفاء الأرصدة
total = الإجمالي
staked = قيد التخزين
rewards-so-far = المكافآت حتى الآن
rewards-yesterday = أمس
rewards-today = اليوم حتى الآن
stake-up-to = تخزين { $asset }، حتى { $apr }
products-of = منتجات { $asset }
assets-others = عملات أخرى للتخزين
assets-empty = لا توجد عملات بعد
assets-empty-explain = ستظهر عملاتك هنا بمجرد أن تضيفها منصة التداول إلى حسابك الفوري أو حساب التمويل.
see-products = عرض ما يمكن تخزينه

## Transfer
transfer-title = تحويل
transfer-direction = الاتجاه
transfer-to-spot = من حساب التمويل إلى الحساب الفوري
transfer-to-funding = من الحساب الفوري إلى حساب التمويل
transfer-do = تحويل الآن
transfer-again = تحويل آخر
balances = الأرصدة

## Products
products-title = منتجات التخزين
filters = عوامل التصفية
filter-all-coins = كل العملات
filter-all-kinds = كل الأنواع
filter-held = حيازاتي
filter-reset = عرض الكل
sort-label = الترتيب
sort-coin = حسب العملة
sort-apr = أعلى APR
sort-term = أقصر مدة
products-none = لا يوجد منتج مطابق
held = ضمن حيازاتك
reference-apr = معدل APR المرجعي
apr = معدل APR
apr-today = معدل APR اليوم
tiered = حسب الشرائح
minimum = الحد الأدنى
step = المضاعفات
personal-maximum = حدك الأقصى
capacity-left = السعة المتبقية
stake = تخزين
opens-in = يبدأ البيع بعد: { $time }
opens-at = بداية البيع
closes-at = نهاية البيع
availability-available = متاح
availability-upcoming = قريبًا
availability-sold_out = نفدت السعة
availability-ended = انتهى
availability-unavailable = غير متاح
apr-is-maximum = معدل APR المرجعي حد أقصى: قد يُسوّى يومٌ بمعدل أقل، ولكن لا يُسوّى أبدًا بمعدل أعلى. وهو فائدة بسيطة غير مركّبة.

## One product
rate-locked = يُثبَّت معدلك في يوم اشتراكك.
rate-next = يسري معدل جديد ابتداءً من { $from }.
settled-lately = دُفع عن آخر يوم أُغلق، وهو { $day }، معدل { $rate }.
settled-lately-tiers = دفع آخر يوم مغلق، { $day }، ما يصل إلى { $rate }.
tiers-title = الشرائح
tiers-part = الجزء من مبلغ التخزين
tiers-up-to = حتى { $amount }
tiers-above = كل ما زاد على ذلك
tiers-example = على سبيل المثال، يُحتسب على { $amount }:
tiers-result = المعدل الإجمالي { $apr }، أي { $reward } في اليوم.
calculator-title = كم ستكسب؟
calculator-explain = محسوب بالمعدلات المعلنة الآن، على أنه مركز جديد. قد تتغير المعدلات.
calculator-explain-own = محسوب وفق المعدلات المعلنة الآن، إضافةً إلى ما تملكه في المنتج. وقد تتغير المعدلات.
calculate = احسب
apr-for-amount = معدل APR لهذا المبلغ
reward-per-day = المكافأة اليومية
total-at-maturity = إجمالي المكافآت عند الاستحقاق
timeline-title = المواعيد
timeline-explain = إذا اشتركت الآن.
timeline-subscribe = الاشتراك
timeline-value-date = بدء الاحتساب
timeline-first-distribution = دفع أول مكافأة
timeline-maturity = نهاية المدة
timeline-principal-back = عودة رأس مالك الأصلي إليك
timeline-maturity-back = نهاية المدة وعودة رأس مالك الأصلي إليك
timeline-any-time = الاسترداد
timeline-any-time-explain = في أي وقت، ويُدفع فورًا.
terms-title = الشروط
next-distribution = توزيع المكافآت القادم
first-distribution = أول مكافأة إذا اشتركت الآن
distribution = دفع المكافآت
distribution-daily = كل يوم، إلى حساب التمويل
distribution-at-maturity = عند الاستحقاق، إلى حساب التمويل
distribution-every = { $count ->
    [zero] كل { $count } يوم، إلى حساب التمويل
    [one] كل يوم، إلى حساب التمويل
    [two] كل يومين، إلى حساب التمويل
    [few] كل { $count } أيام، إلى حساب التمويل
    [many] كل { $count } يومًا، إلى حساب التمويل
   *[other] كل { $count } يوم، إلى حساب التمويل
}
accrual-cycle = دورة احتساب الفائدة
accrual-cycle-day = يوميًا، بأيام تقويمية كاملة
end-date = تاريخ الانتهاء
end-date-planned = الانتهاء المخطط
end-date-if = تاريخ الانتهاء إذا اشتركت الآن
no-end-date = لا يوجد، يمكن الاسترداد في أي وقت
rules-title = القواعد بكلمات بسيطة
rule-accrual = تُحتسب الفائدة من لحظة اشتراكك وتُعدّ بالأيام الكاملة: يبدأ أول يوم محتسب عند منتصف الليل التالي بتوقيت المنصة.
rule-exact = الكسور الأصغر من أن تُدفع تُرحَّل إلى اليوم التالي. لا يضيع شيء بسبب التقريب.
rule-flexible-paid = تُدفع مكافأة كل يوم إلى حساب التمويل الخاص بك فور إغلاق اليوم.
rule-flexible-redeem = يمكنك استرداد أي مبلغ في أي وقت. اليوم غير المكتمل لا يكسب شيئًا.
rule-fixed-paid = تُجمع مكافأة كل يوم وتُدفع إلى حساب التمويل الخاص بك في الموعد المحدد في الشروط، وفي نهاية المدة على أبعد تقدير.
rule-early-clawback = يمكنك الخروج مبكرًا مقابل خسارة جميع المكافآت: ما دُفع منها يُخصم من رأس مالك الأصلي، وما لم يُدفع تتنازل عنه.
rule-early-never = لا يمكن الخروج من هذه المدة مبكرًا.
rule-renewal = عند تفعيل التجديد التلقائي، يبدأ رأس مالك الأصلي مدة أخرى تلقائيًا عند الاستحقاق، بمعدل ذلك اليوم.
rate-history = سجل المعدلات
rate-history-none = لم يُغلق أي يوم بعد.
rate-history-tiers = المعروض هو معدل الشريحة الأعلى عائدًا.
rate-history-table = عرض على شكل جدول
rate-source = المصدر
rate-settled = مُسوّى
rate-announced = كما أُعلن
rates-announced = المعدلات المعلنة
chart-label = المعدل اليومي من { $from } إلى { $to }، بين { $low } و{ $high }. يتضمن الجدول أدناه كل يوم.

## Risks
risks-title = المخاطر
risks-more = المزيد عن المخاطر
risks-intro = قد يؤدي التخزين إلى خسارة المال. اقرأ هذا قبل أن تخزّن أكثر مما يمكنك تركه دون المساس به.
risk-principal = رأس مالك الأصلي غير محمي
risk-principal-text = العملات المخزّنة ليست وديعة. لا يؤمّنها أي نظام حماية، وفي الحالات السيئة تستعيد أقل مما خزّنت.
risk-apr = قد يتغير معدل APR
risk-apr-text = معدل APR المرجعي حد أقصى. قد يعلن المشغّلون معدلًا آخر لأيام قادمة، وقد يُسوّى يوم بعينه بمعدل أقل. أما المعدلات المثبّتة فتسري طوال مدتها.
risk-lock-up = المدة الثابتة تقيّد أموالك
risk-lock-up-text = لا يمكنك الخروج قبل الاستحقاق إلا حيث تسمح الشروط بذلك، وعندها تتنازل عن كل مكافآت المدة، المدفوعة وغير المدفوعة.
risk-slashing = قد يُعاقَب المدققون
risk-slashing-text = تُتلف الشبكات جزءًا من تخزين المدققين الذين يسيئون التصرف أو يتعطلون (الاقتطاع العقابي). وقد تصل إليك هذه الخسارة.
risk-price = قد ينخفض السعر
risk-price-text = تُدفع المكافآت بالعملة التي تخزّنها. وإذا انخفض سعرها، انخفضت قيمة مكافآتك ورأس مالك الأصلي.

## Subscribing
stake-asset = تخزين { $asset }
minimum-is = { $amount } على الأقل.
step-is = بمضاعفات { $amount }.
source = مصدر المبلغ
source-funding = حساب التمويل
source-spot = الحساب الفوري
source-funding_then_spot = حساب التمويل أولًا، ثم الفوري
summary-title = ما تؤكده
summary-empty = أدخل مبلغًا لترى ما يخرج من حساباتك وما يكسبه.
not-on-sale = لا يمكن الاشتراك في هذا المنتج الآن.
you-stake = مبلغ التخزين
from-funding = من حساب التمويل
from-spot = من الحساب الفوري
auto-renew = التجديد التلقائي
auto-renew-explain = يبدأ مدة أخرى تلقائيًا عند الاستحقاق. يمكنك تغييره حتى ذلك الحين.
auto-renew-on = تفعيل
auto-renew-off = إيقاف
agreement-title = اتفاقية خدمة التخزين
agreement-tick = قرأت اتفاقية خدمة التخزين والمخاطر، وأقبل الاتفاقية.
agreement-read = قراءة الإصدار { $version }
agreement-unticked = حدّد مربع الموافقة على الاتفاقية للمتابعة.
agreement-none = لا توجد اتفاقية بعد، ولذلك لا يمكن تخزين أي شيء.
agreement-version = الإصدار
agreement-since = سارية منذ
agreement-in-force = سارية
agreement-replaced = مُستبدَلة
agreement-newest = قراءة الإصدار الساري
agreement-accepted = الاتفاقية
changed-title = تغيّر شيء منذ اطلاعك. لم يُقيَّد أي شيء.
changed-line = { $what }: كان { $was }، وأصبح الآن { $now }.
changed-value_date = أول يوم محتسب
changed-first_distribution_at = موعد أول مكافأة
changed-matures_at = موعد نهاية المدة
changed-apr_for_amount = معدل APR لهذا المبلغ
changed-reward_per_day = مبلغ المكافأة اليومية
changed-total_reward_at_maturity = إجمالي المكافآت عند الاستحقاق
changed-from_funding = المبلغ من حساب التمويل
changed-from_spot = المبلغ من الحساب الفوري
changed-agreement_version = إصدار الاتفاقية
changed-total_reward_if_kept = مجموع المكافآت عند البقاء
changed-to_funding = إلى حساب التمويل
changed-to_spot = إلى الحساب الفوري
changed-payout = المبلغ المستلم
changed-forfeited_accrued = المكافآت المتراكمة المتنازل عنها
changed-written_off = المشطوب
changed-clawback_from_funding = المأخوذ من حساب التمويل
changed-clawback_distributed = خصم المكافآت المدفوعة
changed-principal = رأس المال الأصلي
changed-kind = النوع
changed-accrues_from = بدء الكسب
changed-amount = المبلغ

## Receipts
receipt-title = إيصال
receipt-subscribed-new = بدأ التخزين
receipt-subscribed = اشتراك
receipt-redeemed = تم الاسترداد
receipt-transferred = تم التحويل
receipt-at = وقت القيد
subscription-number = رقم الاشتراك
redemption-number = رقم الاسترداد
transfer-number = رقم التحويل
position-number = رقم المركز
position-title = المركز
watch-it-earn = متابعة المكافآت

## Holdings
holdings-title = ما تخزّنه
holdings-active = نشطة
holdings-ended = منتهية
holdings-none = لا يوجد تخزين بعد
holdings-none-explain = اختر منتجًا وأدخل مبلغًا، فيبدأ في الكسب.
holdings-none-ended = لم ينتهِ أي مركز بعد
position-n = المركز { $id }
state-active = نشط
state-matured = بلغ الاستحقاق
state-renewed = مُجدَّد
state-redeemed = مُسترَد
state-redeemed_early = مُسترَد مبكرًا
principal = رأس المال الأصلي
principal-opened = إجمالي ما خُزّن
principal-returned = المبلغ المُعاد
earning-now = يكسب اليوم
waiting = يكسب من الغد
whole-day = اليوم كاملًا
paid = المدفوع
paid-and-accrued = المدفوع + المتراكم
paid-so-far = المدفوع حتى الآن
accrued-unpaid = متراكم لم يُدفع بعد
next-in = المكافأة التالية بعد: { $time }
matures-in = ينتهي بعد: { $time }
day-k-of = اليوم { $day } من { $term }
progress = التقدم نحو الاستحقاق
value-date = أول يوم محتسب
opened-at = تاريخ الفتح
closed-at = تاريخ الإغلاق
renewed-from = مُجدَّد من
renewed-into = جُدِّد إلى
stake-more = تخزين المزيد
daily-rewards = المكافآت اليومية
daily-rewards-none = لا يوجد يوم كامل بعد. يظهر أول سطر مكافآت عند إغلاق أول يوم محتسب.
reward-accrued = متراكمة
reward-paid = مدفوعة
reward-forfeited = متنازَل عنها
reward-clawed_back = مسترجعة
maths-principal = رأس المال الأصلي في ذلك اليوم
maths-tier = في هذه الشريحة
maths-rate = معدل ذلك اليوم
maths-carry-before = المُرحَّل من اليوم السابق
maths-numerator = الوحدات الأساسية × وحدات المعدل + المُرحَّل
maths-divisor = مقسومًا على
maths-reward = المكافأة
maths-carry-after = المُرحَّل إلى اليوم التالي
maths-explain = رأس المال الأصلي بالوحدات الأساسية مضروبًا في المعدل بوحدات 10⁻⁸، مضافًا إليه المُرحَّل، ثم مقسومًا على 365 × 10⁸. تُدفع الوحدات الأساسية الكاملة ويُرحَّل الباقي.

## Redeeming
redeem = استرداد
redeem-do = استرداد الآن
redeem-early = استرداد مبكر
redeem-early-do = استرداد مبكر والتنازل عن المكافآت
redeem-to = الإرسال إلى
redeem-to-origin = الحساب الذي جاء منه
redeem-empty = أدخل مبلغًا لترى ما سيصلك.
redeem-today = ما تسترده لا يكسب شيئًا عن اليوم، وما يبقى يستمر في الكسب.
redeem-consent = أفهم أن الخروج المبكر يُفقدني جميع مكافآت هذا المركز، المدفوعة وغير المدفوعة.
redeem-unticked = للمتابعة، حدّد المربع الذي يفيد بتنازلك عن المكافآت.
clawback = المكافآت المسترجعة منك
clawback-deducted = مكافآت مدفوعة تُخصم
clawback-from-funding = المأخوذ من حساب التمويل
written-off = المشطوب
forfeited = مكافآت متراكمة متنازَل عنها
you-receive = ما ستستلمه
to-funding = إلى حساب التمويل
to-spot = إلى الحساب الفوري
if-kept = إذا بقيت حتى { $at }، يبلغ مجموع مكافآت المدة { $amount }.

## History
history-title = السجل
statement-title = كشف الحساب
download-csv = تنزيل CSV
from-day = من يوم
to-day = إلى يوم
balance-after = الرصيد بعد الحركة
history-none = لا شيء هنا
history-none-explain = لا توجد حركة مطابقة. اختر عوامل تصفية أخرى.
made-at = أُعدّ في
print-cut = هذا هو الجزء الأحدث. اختر التواريخ، أو نزّل ملف CSV للحصول على كل شيء.
movement-deposit = إيداع
movement-withdrawal = سحب
movement-transfer = تحويل
movement-subscription = اشتراك
movement-redemption = استرداد
movement-clawback = استرجاع مكافآت
movement-reward = مكافأة
movement-maturity = استحقاق

## Notices
notices-none = لا توجد إشعارات
notices-none-explain = تظهر هنا إشعارات المكافآت وتغيّرات المعدلات ومواعيد الاستحقاق.
notice-kind-reward_paid = دُفعت مكافأة
notice-kind-matured = بلغ الاستحقاق
notice-kind-renewed = تم التجديد
notice-kind-rate_ahead = تغيّر قادم في المعدل
notice-kind-maturity_near = اقترب الاستحقاق
notice-rewards = دُفعت مكافآت { $day } إلى حساب التمويل.
notice-matured = بلغ { $product } الاستحقاق: عاد { $spot } إلى الحساب الفوري و{ $funding } إلى حساب التمويل.
notice-renewed = تجدّد { $product } وأصبح المركز { $position }.
notice-rate_ahead = يدفع { $product } حتى { $rate } ابتداءً من { $from }.
notice-maturity_near = يحل استحقاق { $product } في { $at }. وعندها يعود إليك رأس مالك الأصلي.
notice-maturity_near-renews = يحل استحقاق { $product } في { $at }، ثم يتجدد تلقائيًا.

## Settings
settings-look = اللغة والمظهر
settings-papers = الاتفاقيات والمخاطر
language = اللغة
time-zone = المنطقة الزمنية
theme = المظهر
theme-device = حسب الجهاز
theme-light = فاتح
theme-dark = داكن
acceptances-title = ما قبلتُه
acceptances-none = لم يُقبل أي شيء بعد
sessions-title = أماكن تسجيل دخولك
session-this = هذا الجهاز
session-since = منذ
session-seen = آخر ظهور
session-end = تسجيل الخروج منه
sessions-end = تسجيل الخروج من كل الأجهزة الأخرى
factor-title = التحقق بخطوتين
factor-on = يُطلب رمز من تطبيق المصادقة عند كل تسجيل دخول.
factor-off = اطلب أيضًا رمزًا من تطبيق المصادقة عند كل تسجيل دخول.
factor-set-up = إعداد
factor-scan = امسح هذا الرمز بتطبيق المصادقة.
factor-drawing = رمز QR لتطبيق المصادقة
factor-type = أو أدخل هذا المفتاح فيه:
factor-code = الرمز
factor-code-hint = ستة أرقام من تطبيق المصادقة.
factor-confirm = تفعيل
factor-remove = إيقاف
