// SPDX-License-Identifier: Apache-2.0
package dev.faultline.config.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Proxy;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Hashtable;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;

class DeclarationsTest {
    @TempDir Path scratch;

    /** Headers, paths of entries and entries are all that may be asked of one being updated. */
    private Bundle bundle(String components, List<String> entries) {
        return (Bundle)
                Proxy.newProxyInstance(
                        getClass().getClassLoader(),
                        new Class<?>[] {Bundle.class},
                        (proxy, method, arguments) ->
                                switch (method.getName()) {
                                    case "getHeaders" -> {
                                        Hashtable<String, String> headers = new Hashtable<>();
                                        headers.put("Service-Component", components);
                                        yield headers;
                                    }
                                    case "getEntryPaths" ->
                                            Collections.enumeration(
                                                    entries.stream()
                                                            .filter(e ->
                                                                    e.startsWith(
                                                                            arguments[0] + "/"))
                                                            .toList());
                                    case "getEntry" -> url((String) arguments[0]);
                                    default ->
                                            throw new AssertionError(
                                                    method + " would resolve the bundle");
                                });
    }

    private URL url(String entry) throws Exception {
        return scratch.resolve(entry.substring(entry.lastIndexOf('/') + 1)).toUri().toURL();
    }

    @Test
    void aBundleThatIsBeingUpdatedIsNotResolved() throws Exception {
        String component =
                "<component name='n' configuration-pid='%s'><property name='size' type='Integer' value='7'/></component>";
        Files.writeString(scratch.resolve("a.xml"), component.formatted("a"));
        Files.writeString(scratch.resolve("b+.xml"), component.formatted("b"));
        Files.writeString(scratch.resolve("b.xml"), component.formatted("not listed"));
        Files.writeString(
                scratch.resolve("m.xml"),
                "<MetaData><OCD id='c'><AD id='x' type='Long'/></OCD>"
                        + "<Designate pid='m'><Object ocdref='c'/></Designate></MetaData>");
        Declarations d =
                Declarations.of(
                        bundle(
                                "OSGI-INF/a*.xml, OSGI-INF/b+.xml",
                                List.of(
                                        "OSGI-INF/a.xml",
                                        "OSGI-INF/b+.xml",
                                        "OSGI-INF/b.xml",
                                        "OSGI-INF/metatype/m.xml",
                                        "OSGI-INF/metatype/deeper/")));
        assertThat(d.of("a")).containsOnlyKeys("size");
        assertThat(d.of("b")).containsOnlyKeys("size");
        assertThat(d.of("not listed")).isEmpty();
        assertThat(d.of("m")).containsOnlyKeys("x");
    }
}
