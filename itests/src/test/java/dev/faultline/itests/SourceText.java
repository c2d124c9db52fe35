// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What class files do not tell, from source files: who names a constant, which the compiler puts in
 * place of its name, and what a comment says.
 */
final class SourceText {
    private static final Pattern TEXT_OR_COMMENT =
            Pattern.compile(
                    "\"\"\".*?\"\"\"|\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*'|//[^\n]*|/\\*.*?\\*/",
                    Pattern.DOTALL);

    private static final Pattern WORD = Pattern.compile("\\w+");

    /** Texts by the files' paths below the root of their packages, without the extension. */
    private final Map<String, String> texts = new HashMap<>();

    /** How often each word of code is in a file. */
    private final Map<String, Map<String, Integer>> words = new HashMap<>();

    /** Adds all source files of a folder that is the root of their packages. */
    void add(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path p : all.filter(f -> f.toString().endsWith(".java")).toList()) {
                String name = folder.relativize(p).toString().replace('\\', '/');
                add(name.substring(0, name.length() - ".java".length()), Files.readString(p));
            }
        }
    }

    void add(String file, String text) {
        texts.put(file, text);
        Map<String, Integer> counts = new HashMap<>();
        Matcher m = WORD.matcher(TEXT_OR_COMMENT.matcher(text).replaceAll(" "));
        while (m.find()) {
            counts.merge(m.group(), 1, Integer::sum);
        }
        words.put(file, counts);
    }

    Set<String> files() {
        return texts.keySet();
    }

    /**
     * Whether code names the member of a class: in the class's own file twice, as it is declared
     * there, or in another file that names the class too or is of a class below it.
     *
     * @param file of the class
     * @param below files of classes that inherit the member
     */
    boolean names(String file, String simpleName, String member, Collection<String> below) {
        for (Map.Entry<String, Map<String, Integer>> f : words.entrySet()) {
            int times = f.getValue().getOrDefault(member, 0);
            boolean own = f.getKey().equals(file);
            boolean knows = f.getValue().containsKey(simpleName) || below.contains(f.getKey());
            if (own ? times > 1 : times > 0 && knows) {
                return true;
            }
        }
        return false;
    }

    /** Whether the comment before a declaration of the name has the text in it. */
    boolean says(String file, String name, String text) {
        String all = texts.getOrDefault(file, "");
        Matcher m = Pattern.compile("\\b" + name + "\\s*[({=;]").matcher(all);
        while (m.find()) {
            int end = all.lastIndexOf("*/", m.start());
            if (end >= 0 && all.substring(end, m.start()).matches("[^;{}]*")) {
                if (all.substring(all.lastIndexOf("/**", end), end).contains(text)) {
                    return true;
                }
            }
        }
        return false;
    }
}
