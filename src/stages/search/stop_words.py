"""Words that say little by themselves, by language: neither stemmed nor asked for alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a about above after again against all am an and any are as at be because been before"
        " being below between both but by can could did do does doing down during each few for from"
        " further had has have having he her here hers herself him himself his how i if in into is"
        " it its itself just me more most my myself no nor not now of off on once only or other our"
        " ours ourselves out over own same she should so some such than that the their theirs them"
        " themselves then there these they this those through to too under until up very was we"
        " were what when where which while who whom why will with would you your yours yourself"
        " yourselves",
        "de": "aber alle allem allen aller alles als also am an ander andere anderem anderen anderer"
        " auch auf aus bei bin bis bist da damit dann das dass dein deine dem den denn der des dich"
        " die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen"
        " einer eines er es etwas euch euer für gegen hab habe haben hat hatte hatten hier hin ich"
        " ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist ja jede jedem jeden jeder"
        " jedes jene kann kein keine keinem keinen keiner können könnte man mein meine meinem meinen"
        " meiner mich mir mit nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem"
        " seinen seiner selbst sich sie sind so soll sollte sondern um und uns unser unsere unter"
        " viel vom von vor war waren warst was weg weil welche welchem welchen welcher welches wenn"
        " wer werde werden wie wieder will wir wird wirst wo wurde wurden würde würden zu zum zur"
        " zwar zwischen über",
        "fr": "à ai as au aux avec avait avaient ce ces cet cette dans de des donc du elle elles"
        " en es est et étaient était été être eu eux fait il ils je la le les leur leurs lui"
        " ma mais me même mes moi mon ne nos notre nous on ont ou où par pas plus pour qu que"
        " quel quelle quels quelles qui sa sans se ses si son sont sur ta te tes toi ton tu un"
        " une vos votre vous y",
        "es": "a al algo algunos ante antes como con contra cual cuando de del desde donde durante"
        " e el él ella ellas ellos en entre era eran es esa ese eso esta está estaba están este esto"
        " estos fue fueron ha había han hasta hay la las le les lo los me mi mis más muy nada ni no"
        " nos nosotros nuestra nuestro o os otra otro para pero poco por porque que qué quien se"
        " sea ser si sí sin sobre son su sus también te tiene todo todos tu tus un una uno unos y ya"
        " yo",
        "it": "a ad agli ai al alla alle allo anche avere aveva che chi ci come con contro cui da"
        " dagli dai dal dalla dalle dallo degli dei del dell della delle dello di dov dove e è ed"
        " era erano essere fra gli ha hanno i il in io la le lei li lo loro lui ma mi mia mie miei"
        " mio ne negli nei nel nella nelle nello noi non nostra nostro o per perché più quale quando"
        " quanto quella quelle quelli quello questa queste questi questo se sei si sia sono sta su"
        " sua sue sugli sui sul sulla sulle sullo suo suoi tra tu tua tuo tutti tutto un una uno vi"
        " voi",
        "nl": "aan af al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen"
        " door dus een er ge geen had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is"
        " ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om"
        " omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel voor want waren"
        " was wat werd wezen wie wil worden wordt zal ze zelf zich zij zijn zo zonder zou",
        "da": "ad af alle alt at blev bliver da de dem den denne der deres det dette dig din disse"
        " dog du efter eller en end er et for fra ham han hans har havde have hende hendes her hos"
        " hun hvad hvis hvor i ikke ind jeg jer jo kunne man mange med meget men mig min mine mit"
        " mod ned noget nogle nu når og også om op os over på selv sig sin sit skal skulle som"
        " sådan thi til ud under var vi vil ville vor være været",
        "pl": "a aby ale bez bo by był była było były być co czy dla do gdy go i ich ile im ja jak"
        " jako je jego jej jest jeszcze już ich ku lub ma może można mu my na nad nie nich nim niż o"
        " od on ona one oni ono oraz po pod przed przez przy się są ta tak także tam te tego tej ten"
        " to tu tych tylko tym u w we wszystko z za ze że",
        "ru": "а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да"
        " даже для до его ее её если есть еще ещё же за здесь и из или им их к как ко когда кто ли"
        " либо мне может мы на надо наш не него нее нет ни них но ну о об однако он она они оно от"
        " очень по под при с со так также такой там те тем то того тоже той только том ты у уже хотя"
        " чего чей чем что чтобы чье чья эта эти это я",
        "el": "α αλλά αν από αυτά αυτή αυτό για δε δεν εγώ είναι εκεί ενώ επί η ή θα και κατά με"
        " μετά μη μην να ο οι όμως όπως όταν ότι παρά ποια ποιο που πριν προς πως σε στη στην στο"
        " στον στους τα τη την της τι τις το τον του τους των ως",
        "ar": "أن إلى إن التي الذي الذين أو ثم على عن في فيه قد كان كانت كما لا لم لن له لها ما مع"
        " من هذا هذه هو هي و ولا وما يا",
        "hi": "अपना अपनी अपने आप इन इस इसका इसके इसे उन उनका उनके उस उसके एक और कर करने का कि किया"
        " की कुछ के को कोई गया जा जो तक तो था थी थे दिया न नहीं ने पर भी में यह या ये रहा वह वे से"
        " हम ही हुआ हुई हुए है हैं हो",
        "hy": "այդ այլ այն այս դու դուք եմ են ենք ես եք է էի էին էինք էիր էիք էր ըստ թ ի ին իսկ իր կամ"
        " համար հետ հետո մենք մեջ մի ն նա նաև նրա նրանք որ որը որոնք որպես ու ում պիտի վրա և",
    }.items()
}
