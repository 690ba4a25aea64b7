#include "bench/micro/pareto_plot.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace sibyl::bench {
namespace {

struct Panel {
  const char* title;
  double Row::*time_ns;
  bool labels;  // where the families lie furthest apart: shapes have the same order in all
};

constexpr std::array<Panel, 3> kPanels = {{{"single", &Row::single_ns, false},
                                           {"batches of 64", &Row::batch_ns, true},
                                           {"serial chain", &Row::serial_ns, false}}};

// For gnuplot's single-quoted strings.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

std::string BlockName(const std::string& name, size_t panel) {
  std::string block(1, '$');
  block.append(name).append("_").append(std::to_string(panel));
  std::replace_if(
      block.begin() + 1, block.end(), [](char c) { return !std::isalnum(c) && c != '_'; }, '_');
  return block;
}

// gnuplot's own colours repeat after eight.
std::string Color(size_t i) {
  constexpr std::array<const char*, 12> kColors = {"#9400d3", "#009e73", "#56b4e9", "#e69f00",
                                                   "#b8a800", "#0072b2", "#e51e10", "#000000",
                                                   "#8b5a2b", "#ff69b4", "#808080", "#2e8b57"};
  return Quoted(kColors[i % kColors.size()]);
}

// A named block of "bytes ns label" lines.
void WriteBlock(const std::string& name, Rows rows, double Row::*time_ns, std::ostream* out) {
  std::sort(rows.begin(), rows.end(),
            [](const Row& a, const Row& b) { return a.bytes_per_key < b.bytes_per_key; });
  *out << name << " << EOD\n";
  for (const Row& row : rows) {
    const std::string shape =
        row.structure.substr(std::min(row.structure.size(), row.Family().size() + 1));
    *out << row.bytes_per_key << ' ' << row.*time_ns << " \"" << shape << "\"\n";
  }
  *out << "EOD\n";
}

using Families = std::map<std::string, Rows>;

// The measured rows with memory of their own by family, and those without.
void Sort(const Rows& rows, double Row::*time_ns, Families* sized, Rows* unsized) {
  for (const Row& row : rows) {
    if (row.*time_ns == 0) continue;
    if (row.bytes_per_key > 0) {
      (*sized)[row.Family()].push_back(row);
    } else {
      unsized->push_back(row);
    }
  }
}

// What a family's smallest and its largest member are called: names of all would lie over each
// other.
void WriteLabels(size_t members, const std::string& block, const std::string& color,
                 std::ostream* out) {
  const auto label = [&](size_t member, const char* place) {
    *out << ", \\\n  " << block << " every ::" << member << "::" << member
         << " using 1:2:3 with labels " << place << " font ',8' tc rgb " << color << " notitle";
  };
  label(0, "right offset -0.5,0");
  label(members - 1, "left offset 0.5,0");
}

void WritePanel(const Rows& rows, size_t number, std::ostream* out) {
  const Panel& panel = kPanels[number];
  Families families;
  Rows unsized;
  Sort(rows, panel.time_ns, &families, &unsized);
  if (families.empty()) return;
  Rows measured;
  for (const auto& [family, members] : families) {
    WriteBlock(BlockName(family, number), members, panel.time_ns, out);
    measured.insert(measured.end(), members.begin(), members.end());
  }
  const std::string front = BlockName("front", number);
  WriteBlock(front, ParetoFront(measured, panel.time_ns), panel.time_ns, out);

  *out << "set title " << Quoted(panel.title) << "\nplot " << front
       << " using 1:2 with steps lw 6 lc rgb '#dddddd' title 'Pareto front'";
  size_t color = 0;
  for (const auto& [family, members] : families) {
    const std::string block = BlockName(family, number);
    *out << ", \\\n  " << block << " using 1:2 with linespoints lw 2 pt 7 ps 0.7 lc rgb "
         << Color(color) << " title " << Quoted(family);
    const bool has_shapes = members.size() > 1 && family != "budget";  // the axis tells a budget's
    if (panel.labels && has_shapes) WriteLabels(members.size(), block, Color(color), out);
    ++color;
  }
  for (const Row& row : unsized) {
    *out << ", \\\n  " << row.*panel.time_ns << " with lines dt 2 lc rgb " << Color(color++)
         << " title " << Quoted(row.structure + " (no memory)");
  }
  *out << "\nunset key\n";  // one for all panels
}

}  // namespace

Rows ParetoFront(const Rows& rows, double Row::*time_ns) {
  Rows sorted;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(sorted),
               [&](const Row& row) { return row.*time_ns > 0; });
  std::sort(sorted.begin(), sorted.end(), [&](const Row& a, const Row& b) {
    return std::pair(a.bytes_per_key, a.*time_ns) < std::pair(b.bytes_per_key, b.*time_ns);
  });
  Rows front;
  for (const Row& row : sorted) {
    if (front.empty() || row.*time_ns < front.back().*time_ns) front.push_back(row);
  }
  return front;
}

std::string ParetoScript(const std::string& dataset, const Rows& rows,
                         const std::string& svg_file) {
  std::ostringstream out;
  out << "set terminal svg size 1200,500 font 'sans,11' background rgb 'white'\n"
      << "set output " << Quoted(svg_file) << "\n"
      << "set logscale xy\n"
      << "set format '%g'\n"
      << "set xlabel 'bytes per key'\nset ylabel 'ns per lookup' offset 1,0\n"
      << "set xtics 100\nset mxtics 1\nset mytics 1\n"
      << "set ytics (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)\n"
      << "set multiplot layout 1,3 margins 0.05,0.985,0.24,0.86 spacing 0.055 title "
      << Quoted(dataset) << " noenhanced\n"
      << "set key noenhanced at screen 0.5,0.09 center maxrows 2 font ',10' samplen 2\n";
  for (size_t i = 0; i < kPanels.size(); ++i) WritePanel(rows, i, &out);
  out << "unset multiplot\n";
  return out.str();
}

Status DrawPareto(const std::string& dataset, const Rows& rows, const std::string& directory) {
  std::string stem = dataset;
  std::replace(stem.begin(), stem.end(), '/', '_');
  const std::string script_file = directory + "/" + stem + ".gnuplot";
  std::ofstream script(script_file);
  script << ParetoScript(dataset, rows, directory + "/" + stem + ".svg");
  script.close();
  if (!script) return Error{ErrorCode::kIo, "cannot write " + script_file};
  // The name came from the command line: for the shell it is one word whatever it contains.
  std::string command = "gnuplot '";
  for (const char c : script_file) {
    if (c == '\'') command.append("'\\'");
    command.push_back(c);
  }
  command.push_back('\'');
  if (std::system(command.c_str()) != 0) {
    return Error{ErrorCode::kIo, "gnuplot failed on " + script_file};
  }
  return Ok();
}

}  // namespace sibyl::bench
