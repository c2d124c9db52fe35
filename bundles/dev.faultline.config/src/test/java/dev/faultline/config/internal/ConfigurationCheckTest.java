// SPDX-License-Identifier: Apache-2.0
package dev.faultline.config.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigurationCheckTest {
    private static final String METATYPE =
            """
            <metatype:MetaData xmlns:metatype="http://www.osgi.org/xmlns/metatype/v1.2.0">
              <OCD id="c" name="n">
                <AD id="deadline" type="Long" min="1" max="9" default="5"/>
                <AD id="count" type="Integer" default="3"/>
                <AD id="ratio" type="Double" min="0.5" default="1"/>
                <AD id="on" type="Boolean" default="true"/>
                <AD id="mode" type="String" default="a"><Option label="A" value="a"/><Option label="B" value="b"/></AD>
                <AD id="text" type="String"/>
                <AD id="letter" type="Character"/>
              </OCD>
              <Designate pid="p"><Object ocdref="c"/></Designate>
              <Designate factoryPid="f"><Object ocdref="c"/></Designate>
            </metatype:MetaData>
            """;

    private static final String COMPONENT =
            """
            <scr:component xmlns:scr="http://www.osgi.org/xmlns/scr/v1.4.0" name="n" configuration-pid="$ q">
              <property name="size" type="Integer" value="7"/>
              <property name="p" value="text"/>
            </scr:component>
            """;

    private static InputStream in(String s) {
        return new ByteArrayInputStream(s.getBytes(StandardCharsets.UTF_8));
    }

    private static Attribute of(String key) throws Exception {
        return Declarations.of(in(METATYPE)).of("p").get(key);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            nullValues = "-",
            value = {
                "deadline | abc | a whole number from 1 to 9",
                "deadline | 0 | a whole number from 1 to 9",
                "deadline | 10 | a whole number from 1 to 9",
                "deadline | 1.5 | a whole number from 1 to 9",
                "deadline | '' | a whole number from 1 to 9",
                "deadline | 99999999999999999999 | a whole number from 1 to 9",
                "deadline | 9 | -",
                "count | 4000000000 | a whole number from -2147483648 to 2147483647",
                "count | -1 | -",
                "ratio | 0.4 | a number from 0.5 up",
                "ratio | NaN | a number from 0.5 up",
                "ratio | 1e3 | -",
                "on | yes | true or false",
                "on | false | -",
                "mode | c | 'one of a, b'",
                "mode | b | -",
                "text | anything | -",
                "letter | xy | one character",
                "letter | x | -",
            })
    void whatIsExpectedIsSaid(String key, String value, String expected) throws Exception {
        assertThat(of(key).wrong(value)).isEqualTo(expected);
    }

    @Test
    void everyElementCounts() throws Exception {
        assertThat(of("deadline").wrong(new String[] {"1", "x"})).isNotNull();
        assertThat(of("deadline").wrong(new long[] {1, 2})).isNull();
        assertThat(of("deadline").wrong(List.of(1, 99))).isNotNull();
    }

    @Test
    void aWrongValueIsNamedAndTakenOut() throws Exception {
        Hashtable<String, Object> p =
                new Hashtable<>(
                        Map.of(
                                "deadline",
                                "soon",
                                "letter",
                                "no\nletter",
                                "count",
                                "2",
                                "deadlin",
                                "7",
                                "mmu.target",
                                "(x=1)",
                                "service.pid",
                                "p"));
        Set<String> lines = new TreeSet<>();
        Declarations d = Declarations.of(in(METATYPE));
        ConfigurationCheck.check(d.of("p"), d.listsAll("p"), "etc/p.cfg", p, lines);
        assertThat(lines)
                .containsExactly(
                        "etc/p.cfg: deadlin=7: nobody reads this key; there is count, deadline,"
                                + " letter, mode, on, ratio, text",
                        "etc/p.cfg: deadline=soon: expected a whole number from 1 to 9; the default"
                                + " 5 holds",
                        "etc/p.cfg: letter=no?letter: expected one character; the key counts as"
                                + " missing");
        assertThat(p).containsOnlyKeys("count", "deadlin", "mmu.target", "service.pid");
        assertThat(d.of("f")).containsKey("deadline");
    }

    @Test
    void aComponentsDefaultsTellTheTypesOfItsKeys() throws Exception {
        Declarations d = Declarations.of(in(COMPONENT));
        for (String pid : List.of("n", "q")) {
            assertThat(d.of(pid).get("size").wrong("big")).contains("a whole number");
            assertThat(d.of(pid).get("size").wrong("8")).isNull();
            assertThat(d.listsAll(pid)).isFalse();
        }
        assertThat(d.of("other")).isEmpty();
    }
}
