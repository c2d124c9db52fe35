// SPDX-License-Identifier: Apache-2.0
package dev.faultline.config.internal;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One key of a configuration as its reader declares it, in a metatype document or by a component's
 * typed default.
 *
 * @param type of the Metatype specification: String, Long, Integer, Short, Byte, Double, Float,
 *     Boolean, Character
 * @param min the least number; null if there is none
 * @param max the largest number; null if there is none
 * @param options the values allowed; empty if others are too
 * @param otherwise the default, or null
 */
record Attribute(
        String id,
        String type,
        @Nullable String min,
        @Nullable String max,
        List<String> options,
        @Nullable String otherwise) {

    /**
     * @return what is expected instead, or null if the value is right
     */
    @Nullable String wrong(Object value) {
        if (value instanceof Collection<?> all) {
            for (Object one : all) {
                String w = wrongOne(one);
                if (w != null) {
                    return w;
                }
            }
            return null;
        }
        if (value.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(value); i++) {
                String w = wrongOne(Array.get(value, i));
                if (w != null) {
                    return w;
                }
            }
            return null;
        }
        return wrongOne(value);
    }

    private @Nullable String wrongOne(@Nullable Object value) {
        String text = String.valueOf(value);
        boolean right =
                switch (type) {
                    case "Long" -> parses(text, Long::valueOf);
                    case "Integer" -> parses(text, Integer::valueOf);
                    case "Short" -> parses(text, Short::valueOf);
                    case "Byte" -> parses(text, Byte::valueOf);
                    case "Double" -> parses(text, Double::valueOf);
                    case "Float" -> parses(text, Float::valueOf);
                    case "Boolean" -> text.equals("true") || text.equals("false");
                    case "Character", "Char" -> text.length() == 1;
                    default -> true;
                };
        boolean listed = options.isEmpty() || options.contains(text);
        return right && listed && inRange(text) ? null : expected();
    }

    private static boolean parses(String text, Function<String, ? extends Number> parser) {
        try {
            return Double.isFinite(parser.apply(text).doubleValue());
        } catch (NumberFormatException e) {
            return false;
        }
    }

    /** Called for what parses; a bound that is no number bounds nothing. */
    private boolean inRange(String text) {
        try {
            BigDecimal v = min == null && max == null ? null : new BigDecimal(text);
            return v == null
                    || (min == null || v.compareTo(new BigDecimal(min)) >= 0)
                            && (max == null || v.compareTo(new BigDecimal(max)) <= 0);
        } catch (NumberFormatException e) {
            return true;
        }
    }

    /** For people. */
    private String expected() {
        if (!options.isEmpty()) {
            return "one of " + String.join(", ", options);
        }
        String what =
                switch (type) {
                    case "Long", "Integer", "Short", "Byte" -> "a whole number";
                    case "Double", "Float" -> "a number";
                    case "Boolean" -> "true or false";
                    case "Character", "Char" -> "one character";
                    default -> type;
                };
        String least = min == null ? least() : min;
        String most = max == null ? most() : max;
        if (least == null && most == null) {
            return what;
        }
        if (least == null) {
            return what + " up to " + most;
        }
        return what + " from " + least + (most == null ? " up" : " to " + most);
    }

    private @Nullable String least() {
        return switch (type) {
            case "Integer" -> String.valueOf(Integer.MIN_VALUE);
            case "Short" -> String.valueOf(Short.MIN_VALUE);
            case "Byte" -> String.valueOf(Byte.MIN_VALUE);
            default -> null;
        };
    }

    private @Nullable String most() {
        return switch (type) {
            case "Integer" -> String.valueOf(Integer.MAX_VALUE);
            case "Short" -> String.valueOf(Short.MAX_VALUE);
            case "Byte" -> String.valueOf(Byte.MAX_VALUE);
            default -> null;
        };
    }
}
