// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Maps of facts to JSON files. Values: Map, List, String, Boolean, Number, null. */
public final class Json {
    private static final JsonFactory FACTORY = new JsonFactory();

    private Json() {}

    public static void write(Path file, Map<String, ? extends @Nullable Object> facts)
            throws IOException {
        try (JsonGenerator g =
                FACTORY.createGenerator(Files.newBufferedWriter(file, StandardCharsets.UTF_8))) {
            g.setPrettyPrinter(new DefaultPrettyPrinter());
            value(g, facts);
            g.writeRaw('\n');
        }
    }

    private static void value(JsonGenerator g, @Nullable Object o) throws IOException {
        switch (o) {
            case null -> g.writeNull();
            case Map<?, ?> m -> {
                g.writeStartObject();
                for (Map.Entry<?, ?> e : m.entrySet()) {
                    g.writeFieldName(e.getKey().toString());
                    value(g, e.getValue());
                }
                g.writeEndObject();
            }
            case List<?> l -> {
                g.writeStartArray();
                for (Object x : l) {
                    value(g, x);
                }
                g.writeEndArray();
            }
            case Boolean b -> g.writeBoolean(b);
            case Integer i -> g.writeNumber(i);
            case Long n -> g.writeNumber(n);
            case Double d -> g.writeNumber(Math.round(d * 1000) / 1000.0);
            case Object x -> g.writeString(x.toString());
        }
    }
}
