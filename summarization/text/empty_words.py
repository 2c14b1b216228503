"""Words that say nothing about the matter, by language.

English and Portuguese have lists of their own: the published ones are made for search engines and hold words that a
customer's problem is made of (``order``, ``computer``, ``copy``; ``desligado``, ``tempo``, ``nome``). The other
languages have the published lists, of the package ``stop-words``.
"""

from functools import lru_cache

from stop_words import get_stop_words

from summarization.language import FUNCTION_WORDS

ENGLISH = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
its itself they them their theirs themselves what which who whom whose this that these those am is are was were be been
being have has had having do does did doing done a an the and but if or nor because as until while of at by for with
about against between into through during before after above below to from up down in out on off over under again
further then once here there when where why how all any both each every few more most other another some such no not
only own same so than too very can cannot could will would shall should may might must just now also still even ever
well much many get got gets getting go goes going went let lets im ive id ill youre youve youll youd hes shes weve wed
theyre theyve thats theres heres whats dont doesnt didnt cant couldnt wont wouldnt isnt arent wasnt werent hasnt havent
hadnt shouldnt us u ur really quite maybe perhaps something anything someone anyone thing things one ones like know
want think guess mean feel believe see say said tell told make made way good nice fine lot kind sort bit
"""
PORTUGUESE = """
o a os as um uma uns umas de do da dos das dum duma em no na nos nas num numa ao aos à às por pelo pela pelos pelas
para pra pro com sem sob sobre até desde entre e ou nem mas porém que se como quando onde porque porquê pois qual quais
quem quanto quanta quantos quantas eu tu ele ela nós vós eles elas você vocês me te lhe lhes nos vos mim ti si comigo
contigo connosco conosco meu minha meus minhas teu tua teus tuas seu sua seus suas nosso nossa nossos nossas dele dela
deles delas este esta estes estas esse essa esses essas aquele aquela aqueles aquelas isto isso aquilo neste nesta
nesse nessa naquele naquela deste desta desse dessa daquele daquela disso disto ser é era eram sou és somos são fui foi
fomos foram sido seja sejam seria estar está tá estou estás estamos estão estava estavam esteve estado estive esteja
ter tem têm tenho tens temos tinha tinham teve tive tido tenha haver há havia houve ir vou vai vamos vão ia fazer faz
fiz fez feito poder pode posso podem podia poderia dever deve devo querer quero quer queria gostaria dar dá deu ver vi
dizer disse não já ainda também só mais menos muito muita muitos muitas pouco tão tanto bem mal mesmo mesma outro outra
outros outras todo toda todos todas tudo nada algo algum alguma alguns algumas nenhum nenhuma cada aqui ali aí lá cá
agora então depois antes sempre nunca assim aliás coisa coisas vc vcs q pq tb
"""
# Said in every conversation and about none: greetings, thanks, apologies, offers of help. They are what manuals of good
# service teach, not what some data showed.
COURTESIES = {
    "en": """
hi hello hey dear sir madam mr mrs morning afternoon evening please pls thanks thank thankyou thx welcome sorry apology
apologies apologise apologize inconvenience appreciate glad happy kindly regards cheers sincerely yes yeah yep nope ok
okay oh ah sure great hope help helping assist assistance
""",
    "pt": """
oi olá ola bom boa dia tarde noite caro cara prezado prezada senhor senhora sr sra favor obrigado obrigada obrigados
agradeço agradecemos desculpe desculpa desculpas lamento lamentamos transtorno incómodo incômodo atenciosamente
cumprimentos abraço sim ok certo claro ajudar ajuda
""",
}
_OWN = {"en": ENGLISH, "pt": PORTUGUESE}


@lru_cache(maxsize=len(FUNCTION_WORDS) + 1)
def empty_words(language: str) -> frozenset[str]:
    """Return them for a language that ``language_of`` knows, case-folded and without apostrophes.

    For ``und``, and for a language that it does not know, all of them: a few good words are lost, and no function word
    is taken for one.
    """
    if language not in FUNCTION_WORDS:
        return frozenset().union(*map(empty_words, FUNCTION_WORDS))
    own = _OWN.get(language, "").split() or get_stop_words(language)
    words = [*own, *FUNCTION_WORDS[language].split(), *COURTESIES.get(language, "").split()]
    return frozenset(word.casefold().replace("'", "") for word in words)
